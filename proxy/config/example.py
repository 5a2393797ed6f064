"""`config.example.toml`, printed from the schema: nothing about a key is written twice."""

import textwrap

from pydantic.fields import FieldInfo

from proxy.config import kinds, schema

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

# The other kinds stand as comments, each with keys of its own alone.
OTHERS: dict[str, tuple[str, dict[str, str]]] = {
    "oauth2": (
        "sso",
        {
            "token_url": '"https://sso.example/oauth2/token"',
            "client_id": '"reports"',
            "client_secret": '{ env = "CLIENT_SECRET" }',
            "scope": '"read write"',
            "audience": '"https://api.example"',
            "params": '{ resource = "https://api.example/v1" }',
        },
    ),
    "recipe": (
        "other",
        {
            "login": '{ url = "https://other.example/login", json = { user = "me", password = { env = "PASSWORD" } } }',
            "token": '{ json = "data.access_token" }',
            "expiry": '{ json = "data.expires_in", as = "seconds" }',
        },
    ),
    "static": ("fixed", {"token": '{ env = "TOKEN" }'}),
    "basic": ("person", {"username": '"me"', "password": '{ env = "PASSWORD" }'}),
}


def example() -> str:
    """Return the text of the file."""
    sections = "".join(section(name, kind) for name, kind in schema.SECTIONS.items())
    others = "".join(other(kind) for kind in OTHERS)
    return f"{INTRODUCTION}{sections}{credential()}{others}{section('routes', schema.Route)}"


def section(name: str, kind: type[schema.Section]) -> str:
    """Return a table with all its keys."""
    keys = "".join(entry(key, about) for key, about in kind.model_fields.items())
    return f"\n# {kind.__doc__}\n{TITLES.get(name, f'[{name}]')}\n{keys}"


def credential() -> str:
    """Return the table of a credential of the usual kind: what is its own, then what it has in common with others."""
    fields = kinds.Apikey.model_fields
    common = kinds.Credential.model_fields
    order = sorted(fields, key=lambda key: (key != "kind", key not in own(kinds.Apikey), key in common))
    keys = "".join(entry(key, fields[key]) for key in order)
    return f"\n# {kinds.Credential.__doc__}\n{TITLES['credentials']}\n{keys}"


def other(name: str) -> str:
    """Return the table of another kind as a comment."""
    kind = kinds.KINDS[name]
    title, samples = OTHERS[name]
    doc = (kind.__doc__ or "").rstrip(".")
    shared = "all that stands above from ttl on" if issubclass(kind, kinds.LoggingIn) else "inject and reject"
    lines = wrapped(f"{doc}; it takes {shared} as well.", "# ")
    lines += [f"# [credentials.{title}]", f'# kind = "{name}"']
    for key in own(kind):
        about = kind.model_fields[key]
        lines += wrapped(about.description or "", "# # ")
        lines.append(f"# {key} = {samples.get(key) or toml(about.default)}")
    return "\n" + "\n".join(lines) + "\n"


def own(kind: type[kinds.Credential]) -> list[str]:
    """Return the keys that a kind has for itself."""
    return [key for key in kind.model_fields if key not in kinds.LoggingIn.model_fields]


def entry(key: str, about: FieldInfo) -> str:
    """Return a key behind what it means; one without a default stands as a comment."""
    text = about.description or ""
    comment = "".join(f"{line}\n" for line in wrapped(text, "# "))
    if key in SAMPLES:
        return f"{comment}{key} = {SAMPLES[key]}\n"
    return f"{comment}{key} = {toml(about.default)}\n" if about.default is not None else f"{comment}# {key} = …\n"


def wrapped(text: str, mark: str) -> list[str]:
    """Return a text as lines of a comment."""
    return textwrap.wrap(text, WIDTH, initial_indent=mark, subsequent_indent=mark)


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
