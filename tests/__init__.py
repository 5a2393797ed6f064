"""The checks of iam-proxy; the tree mirrors `proxy/`."""
