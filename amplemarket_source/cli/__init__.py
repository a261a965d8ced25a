"""The command line: what a person types, and what they read.

Nothing here imports dlt, DuckDB, Arrow or httpx before a command needs them, so that help is there
at once.
"""
