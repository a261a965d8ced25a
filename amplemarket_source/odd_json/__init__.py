"""JSON that strict parsers refuse: nested too deeply, broken in one value, with a key twice."""
