"""Private. The destination: whether it can hold the guarantees, statements, loads, one run at a time."""
