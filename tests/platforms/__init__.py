"""Logins at servers that others run too, as they are installed: `make test` and `make test-long` see to that."""
