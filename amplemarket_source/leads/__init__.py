"""Private. Leads in: from whatever a user has to rows that are keyed, checked and counted once."""
