"""Private. From the pages of completed requests to typed Arrow tables, one for each destination table.

``strict`` parses what is as documented, ``tolerant`` whatever else comes; ``flatten`` makes tables
of both, ``match`` says which lead a row answers, ``builder`` puts a load together.
"""
