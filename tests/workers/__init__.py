"""Several processes as one gateway."""
