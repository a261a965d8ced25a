"""Buying once: the ledger, the journal, and the life of an enrichment request."""
