"""Looking after what was bought: status, cancel, release, erasure on request, health."""
