"""Private. What the tables are: declared columns, the names fields get, and how dlt is told.

``tables`` declares them, ``registry`` knows which columns they have by now, ``naming`` and
``shapes`` go from JSON to columns, ``contract`` says what becomes of new fields, ``hints`` tells
dlt how each table merges.
"""
