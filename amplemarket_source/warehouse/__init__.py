"""Private. The destination: can it hold the guarantees, statements, loads, one run at a time."""
