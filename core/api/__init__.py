"""The door for agents that speak HTTP: what they may ask, in front of Django and without its middleware."""
