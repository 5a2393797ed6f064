"""What stands in for the outside in tests: real sockets, scripted."""
