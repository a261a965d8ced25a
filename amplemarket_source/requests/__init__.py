"""Private. Enrichment requests: what became of earlier ones, submitting once, waiting, reading pages."""
