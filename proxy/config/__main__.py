"""`python -m proxy.config` prints `config.example.toml`."""

from proxy.config.example import example

print(example(), end="")  # noqa: T201  that is what it is for
