"""Private. From pages of completed requests to typed Arrow, one table for each at the destination.

``strict`` parses what is as documented, ``tolerant`` whatever else comes; ``flatten`` makes tables
of both, ``match`` says which lead a row answers, ``builder`` puts a load together.
"""
