"""What crosses the gateway, and what must not: raw sockets on both sides."""
