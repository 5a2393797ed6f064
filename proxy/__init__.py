"""iam-proxy: a reverse proxy that logs in for you."""

__version__ = "0.1.0"
