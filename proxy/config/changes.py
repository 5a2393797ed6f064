"""What two configurations differ in, in words for the log; and what of it only a restart brings."""

from collections.abc import Iterator, Mapping
from dataclasses import fields

from proxy.config.settings import Config

SECTIONS = ("server", "admin", "access", "limits", "timeouts", "tokens", "log")
# Keys that are read at the start alone.
AT_START = frozenset(("admin.listen", "admin.inspector", "admin.key", "server.workers", "tokens.listen"))
LISTEN = "server.listen"


def changes(before: Config, after: Config) -> list[str]:
    """Return what is different, key by key; routes are named as in logs and metrics."""
    routes = [{route.label: route for route in each.routes} for each in (before, after)]
    return [
        *_named("route", *routes),
        *_named("credential", before.credentials, after.credentials),
        *_keys(before, after),
    ]


def needs_restart(changed: list[str], *, sockets: bool) -> list[str]:
    """Return which of the changes have no effect before a restart; `sockets`: those to listen on were handed in."""
    at_start = AT_START | {LISTEN} if sockets else AT_START
    return [change for change in changed if change in at_start]


def _named(what: str, before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[str]:
    for name in sorted(after.keys() - before.keys()):
        yield f"{what} {name} added"
    for name in sorted(before.keys() - after.keys()):
        yield f"{what} {name} removed"
    for name in sorted(before.keys() & after.keys()):
        if before[name] != after[name]:
            yield f"{what} {name} changed"


def _keys(before: Config, after: Config) -> Iterator[str]:
    for section in SECTIONS:
        one, other = getattr(before, section), getattr(after, section)
        for key in fields(one):
            if getattr(one, key.name) != getattr(other, key.name):
                yield f"{section}.{key.name}"
