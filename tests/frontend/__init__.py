"""Front ends in a real browser: page and API through a gateway, by the examples."""
