"""Private. People: who is meant by an identifier, erasing them, and keeping them out of what is read."""
