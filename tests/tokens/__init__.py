"""The checks of `proxy.tokens`."""
