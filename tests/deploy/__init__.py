"""What is there to deploy a gateway with."""
