"""What to buy, in which requests, for how much: decided before anything is sent."""
