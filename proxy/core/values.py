"""Values of a login request with secrets among them: where each secret stands, and the values with all filled in."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from proxy.core.secret import Secret, SecretSource

# Whatever JSON has, and secrets in place of any of it.
Value: TypeAlias = bool | int | float | str | SecretSource | Sequence["Value"] | Mapping[str, "Value"] | None

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def within(place: str, key: str | int) -> str:
    """Return the name of a place inside another, as the configuration writes it; no two places have the same."""
    if isinstance(key, int):
        return f"{place}[{key}]"
    return f"{place}.{key if _BARE.fullmatch(key) else json.dumps(key)}"


def sources(value: Value, place: str) -> dict[str, SecretSource]:
    """Return the secrets in a value by their places, `place` being its own."""
    found: dict[str, SecretSource] = {}
    match value:
        case None | bool() | int() | float() | str():
            pass
        case Mapping():
            for key, each in value.items():
                found |= sources(each, within(place, key))
        case Sequence():
            for index, each in enumerate(value):
                found |= sources(each, within(place, index))
        case _:
            found[place] = value
    return found


def filled(value: Value, place: str, secrets: Mapping[str, Secret]) -> object:
    """Return a value with its secrets in their places."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {key: filled(each, within(place, key), secrets) for key, each in value.items()}
        case Sequence():
            return [filled(each, within(place, index), secrets) for index, each in enumerate(value)]
    return secrets[place].reveal()


def text(value: object) -> str:
    """Return a value without secrets as a form or a field carries it."""
    return value if isinstance(value, str) else json.dumps(value)
