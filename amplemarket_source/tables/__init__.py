"""From pages to typed Arrow tables, one for each destination table."""
