"""Private. What the tables are: declared columns, the names fields get, and how dlt is told.

``tables`` and ``bookkeeping`` declare them, ``table`` says what one is and how dlt merges it,
``fields`` goes from JSON to columns, ``registry`` knows which columns there are by now and what
becomes of new fields.
"""
