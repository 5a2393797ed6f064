"""Faults to switch on, as frozen values read from JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

Expiry = Literal["both", "duration", "expire", "none"]
DEAD = (401, 403)
STATUSES = range(200, 600)


@dataclass(frozen=True, slots=True)
class Fault:
    """What befalls a request: the first that is set, `slow` ms later. `times` counts down; None: for ever."""

    hang: bool = False
    reset: bool = False
    empty: bool = False
    malformed: bool = False
    status: int | None = None
    slow: int = 0
    times: int | None = None

    def once(self) -> "Fault":
        """Return the fault after it has struck once more."""
        if self.times is None:
            return self
        return replace(self, times=self.times - 1) if self.times > 1 else Fault()


@dataclass(frozen=True, slots=True)
class Faults:
    """Everything that can be switched. None for `ttl` and `sliding`: as the platform was started."""

    login: Fault = Fault()
    api: Fault = Fault()
    unauthorized_every: int = 0
    unauthorized_always: bool = False
    dead_token_status: int = 401
    expiry: Expiry = "both"
    ttl: float | None = None
    sliding: bool | None = None

    def struck(self, *, login: bool) -> "Faults":
        """Return the faults after the one for logins, or for everything else, has struck once more."""
        return replace(self, login=self.login.once()) if login else replace(self, api=self.api.once())


class Malformed(ValueError):
    """The JSON describes no faults; the message names the key."""


def read(value: object) -> Faults:
    """Return the faults that a JSON value describes. Raises Malformed."""
    given = table(value, "the body", Faults)
    for name in ("login", "api"):
        if name in given:
            given[name] = fault(given[name], name)
    faults = Faults(**given)
    check("unauthorized_every", count(faults.unauthorized_every), "a count from 0")
    check("unauthorized_always", isinstance(faults.unauthorized_always, bool), "true or false")
    check("dead_token_status", faults.dead_token_status in DEAD, "401 or 403")
    check("expiry", faults.expiry in get_args(Expiry), f"one of {', '.join(get_args(Expiry))}")
    check("ttl", faults.ttl is None or (number(faults.ttl) and faults.ttl > 0), "seconds, or null")
    check("sliding", faults.sliding in (None, True, False), "true, false or null")
    return faults


def fault(value: object, name: str) -> Fault:
    """Return one fault. Raises Malformed."""
    found = Fault(**table(value, name, Fault))
    for flag in ("hang", "reset", "empty", "malformed"):
        check(f"{name}.{flag}", isinstance(getattr(found, flag), bool), "true or false")
    check(
        f"{name}.status",
        found.status is None or (count(found.status) and found.status in STATUSES),
        "a status, or null",
    )
    check(f"{name}.slow", count(found.slow), "milliseconds from 0")
    check(f"{name}.times", found.times is None or (count(found.times) and found.times > 0), "a count from 1, or null")
    return found


def table(value: object, name: str, kind: type) -> dict[str, Any]:
    """Return a JSON object whose keys are fields of a dataclass. Raises Malformed."""
    if not isinstance(value, Mapping):
        raise Malformed(f"{name}: expected an object")
    known = {each.name for each in fields(kind)}
    for key in value:
        if key not in known:
            raise Malformed(f"{key}: unknown; expected one of {', '.join(sorted(known))}")
    return dict(value)


def check(key: str, good: bool, expected: str) -> None:  # noqa: FBT001  it reads as a sentence
    """Raise Malformed for a key whose value is not good."""
    if not good:
        raise Malformed(f"{key}: expected {expected}")


def count(value: object) -> bool:
    """Return whether a value is a whole number from 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def number(value: object) -> bool:
    """Return whether a value is a number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
