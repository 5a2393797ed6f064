"""Both sides of the wire."""
