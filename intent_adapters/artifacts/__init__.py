"""Bases and adapters at rest. Knows nothing of networks and of how predictions are computed."""
