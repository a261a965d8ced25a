"""Private. Where dlt looks for a source that is called by its short name, ``amplemarket``."""
