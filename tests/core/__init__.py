"""The checks of `proxy.core`."""
