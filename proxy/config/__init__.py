"""The configuration: a TOML file and the environment, to frozen values; every mistake at once, with its line.

load.py         reads and validates; notes the mistakes with their places
lines.py        on which line each key stands
environment.py  what IAM_PROXY_… variables say
schema.py       every key, its type, default and meaning; kinds.py: those of credentials
units.py parts.py places.py callers.py proxies.py secrets.py values.py   what the values are made of
build.py        tables to values; what does not fit together
entrance.py     who is let in, and where: what of that does not fit together
changes.py      what two configurations differ in
example.py      config.example.toml, printed from the schema
first.py        a first configuration, for `init`
settings.py     the values
"""

from proxy.config.load import again, load

__all__ = ["again", "load"]
