"""The first configuration for a platform, as `init` writes it: few keys, each with a word on what it is for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# A secret as a file writes it: itself, or a table that says where it is.
Place = str | Mapping[str, str | Sequence[str]]

TEXT = """\
# The configuration of iam-proxy, as `iam-proxy init` has written it. `iam-proxy check` tells every mistake with its
# line, and `iam-proxy run` serves by it; most changes are taken while it runs. There is more to set than this:
# config.example.toml, which comes with the program, has every key with its default.

# Where programs connect. Whoever can connect acts with the keys below: it answers this machine alone.
[server]
listen = "127.0.0.1:8080"

# Health, status and metrics; "" turns them off.
[admin]
listen = "127.0.0.1:9901"
# true: a page there shows what passes, without secrets; `iam-proxy open` opens it.
inspector = {inspector}

# The keys, and by their kind how they are traded for a token. Others are "oauth2", "recipe", "static" and "basic".
[credentials.main]
kind = "apikey"
# Each is a string, {{ env = "NAME" }}, {{ file = "PATH" }} or {{ command = ["pass", "show", "NAME"] }}.
apikey = {apikey}
secretkey = {secretkey}
# Where they are traded, if that is not the upstream's /iam/login:
# login_url = "https://…"

# What is forwarded, and where to. There may be several: the longest path that fits wins.
[[routes]]
path = "/"
upstream = {upstream}
credential = "main"
# For programs that only read:
# methods = ["GET"]
"""


@dataclass(frozen=True, slots=True)
class Answers:
    """What is to stand in the file."""

    upstream: str
    apikey: Place = field(repr=False)
    secretkey: Place = field(repr=False)
    inspector: bool = False


def first(answers: Answers) -> str:
    """Return the text of the file."""
    return TEXT.format(
        upstream=toml(answers.upstream),
        apikey=toml(answers.apikey),
        secretkey=toml(answers.secretkey),
        inspector=str(answers.inspector).lower(),
    )


def toml(value: Place | Sequence[str]) -> str:
    """Return a value as TOML; its strings are those of JSON, but for DEL, which JSON lets stand."""
    match value:
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case Mapping():
            return f"{{ {', '.join(f'{key} = {toml(each)}' for key, each in value.items())} }}"
    return f"[{', '.join(map(toml, value))}]"
