"""docs/recipes.md: its blocks, run as they are printed, in front of its own platform and gateways."""
