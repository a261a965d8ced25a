"""Private. Enrichment requests: recovering, submitting once, waiting, reading pages."""
