"""Real programs in front of the gateway and behind it."""
