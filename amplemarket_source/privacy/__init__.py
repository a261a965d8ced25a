"""Private. People: who is meant by an identifier, erasing them, redacting what is read."""
