"""`config.example.toml`, printed from the schema: nothing about a key is written twice."""

import textwrap

from pydantic.fields import FieldInfo

from proxy.config import schema
from proxy.config.later import LATER
from proxy.config.lines import Path

INTRODUCTION = """\
# The configuration of iam-proxy, complete: every key with its default. A file needs no more than a route with its
# upstream and a credential with its keys; see the README. A line that begins with `#` and a key is a key that is not
# set. Durations: "250ms" "5s" "1h". Sizes: "64KiB" "1MiB". Unknown keys are mistakes. `iam-proxy check` tells of all.
# The environment beats this file: IAM_PROXY__SECTION__KEY.
"""
# What stands for keys that have no default but have to be there, or are worth an example.
SAMPLES = {
    "apikey": '{ env = "IAM_APIKEY" }',
    "secretkey": '{ file = "/run/secrets/secretkey" }',
    "upstream": '"https://my-project.eu.dataplatform.ovh.net"',
    "credential": '"main"',
}
TITLES = {"credentials": "[credentials.main]", "routes": "[[routes]]"}
WIDTH = 118


def example() -> str:
    """Return the text of the file."""
    kinds: dict[str, type[schema.Section]] = {
        **schema.SECTIONS,
        "credentials": schema.Credential,
        "routes": schema.Route,
    }
    return INTRODUCTION + "".join(section(name, kind) for name, kind in kinds.items())


def section(name: str, kind: type[schema.Section]) -> str:
    """Return a table with all its keys."""
    title = TITLES.get(name, f"[{name}]")
    keys = "".join(entry(name, key, about) for key, about in kind.model_fields.items())
    return f"\n# {kind.__doc__}\n{title}\n{keys}"


def entry(table: str, key: str, about: FieldInfo) -> str:
    """Return a key behind what it means; one without a default stands as a comment."""
    text = about.description or ""
    if pattern(table, key) in LATER:
        text += " (not yet)"
    comment = "".join(f"# {line}\n" for line in textwrap.wrap(text, WIDTH))
    if key in SAMPLES:
        return f"{comment}{key} = {SAMPLES[key]}\n"
    return f"{comment}{key} = {toml(about.default)}\n" if about.default is not None else f"{comment}# {key} = …\n"


def pattern(table: str, key: str) -> Path:
    """Return the key's path in the table of what does not work yet."""
    return (table, "*", key) if table in TITLES else (table, key)


def toml(value: object) -> str:
    """Return a default as it is written in the file."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case list():
            return f"[{', '.join(toml(each) for each in value)}]"
        case dict():
            return "{}"
    return str(value)
