"""Pages of answers, safe on disk until they are loaded."""
