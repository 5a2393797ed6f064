"""Ways of running the gateway: what `deploy/` holds, and the image."""
