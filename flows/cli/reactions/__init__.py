"""`acci reactions`: what follows from events, seen and steered."""
