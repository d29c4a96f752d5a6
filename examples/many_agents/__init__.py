"""How long many agents take to train, and on what."""
