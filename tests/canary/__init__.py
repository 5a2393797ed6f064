"""What can never come out: secrets that can be recognised, and a search through all that a gateway says."""
