"""Private. The workspace: what the API lists beside enrichment, kept in step with the tables.

``catalog`` says what there is to read, ``listings`` in which parts and how far, ``fetching`` reads
parts side by side, ``store`` knows what the destination has, ``sync`` goes through it all.
"""
