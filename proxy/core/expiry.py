"""How long a token lives, read from the answer that brought it."""

import enum
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# A number this large is epoch milliseconds: as seconds it would be the year 5138, as milliseconds it is 1973.
EPOCH_MILLISECONDS_FROM = 1e11
# No token outlives the key it was bought with, and API keys live 730 days (platform.md); more is a misreading.
MAX_LIFETIME = 730 * 86400.0
# Clocks that differ by no more are the same: the Date field drops fractions and the answer was under way.
SKEW_TOLERANCE = 2.0
# What the Date field may have dropped (RFC 9110 §5.6.7 has whole seconds).
DATE_RESOLUTION = 1.0


class As(enum.StrEnum):
    """What an expiry is written as: a length, or a date."""

    SECONDS = "seconds"
    MINUTES = "minutes"
    MILLISECONDS = "milliseconds"
    EPOCH = "epoch"
    EPOCH_MS = "epoch_ms"
    ISO = "iso"


# How many seconds there are in one of it; dates are seconds since the epoch.
UNITS = {As.SECONDS: 1.0, As.MINUTES: 60.0, As.MILLISECONDS: 0.001, As.EPOCH: 1.0, As.EPOCH_MS: 0.001}
DATES = frozenset({As.EPOCH, As.EPOCH_MS, As.ISO})


def remaining(value: object, written: As, date: str | None, now: float) -> float | None:
    """Return how many seconds are left by an expiry of whatever kind, or None where it is absent, past or absurd.

    `date` is the answer's Date field and `now` our wall clock, in seconds since the epoch: a date is one on the
    origin's clock.
    """
    number = _number(value)
    if written is As.ISO:
        seconds = _iso(value) if number is None else None
    else:
        seconds = None if number is None else number * UNITS[written]
    if seconds is None:
        return None
    left = seconds - _origin_time(date, now) if written in DATES else seconds
    return left if _plausible(left) else None


def lifetime(answer: Mapping[str, object], date: str | None, now: float) -> float | None:
    """Return how many seconds the token of this answer of the platform lives, or None where it does not tell.

    `token_expire` goes before `token_duration`; whatever is absent, past or absurd is passed over.
    `date` is the answer's Date field and `now` our wall clock, in seconds since the epoch.
    """
    expires = _instant(answer.get("token_expire"))
    left = None if expires is None else remaining(expires, As.EPOCH, date, now)
    return remaining(answer.get("token_duration"), As.SECONDS, date, now) if left is None else left


def _plausible(seconds: float) -> bool:
    return 0 < seconds <= MAX_LIFETIME  # false for NaN, too


def _origin_time(date: str | None, now: float) -> float:
    """Return the origin's own time, the latest that fits: too short a lifetime costs less than too long a one."""
    try:
        then = _epoch(parsedate_to_datetime(date or ""))
    except (ValueError, TypeError, OverflowError):
        return now
    return max(then, now) if abs(then - now) <= SKEW_TOLERANCE else then + DATE_RESOLUTION


def _instant(value: object) -> float | None:
    """Return epoch seconds from a number, a numeric string or ISO 8601; None for anything else."""
    number = _number(value)
    if number is not None:
        return number / 1000 if number >= EPOCH_MILLISECONDS_FROM else number
    return _iso(value)


def _iso(value: object) -> float | None:
    """Return epoch seconds from ISO 8601, with or without stray spaces; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        return _epoch(datetime.fromisoformat(_without_strays(value)))
    except ValueError:
        return None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _without_strays(text: str) -> str:
    """Return a date without stray spaces: the platform's own samples end in one."""
    day, *rest = text.upper().split() or [""]
    return day + "".join(rest) if "T" in day else "T".join(filter(None, [day, "".join(rest)]))


def _epoch(moment: datetime) -> float:
    """Return epoch seconds; a moment without an offset is UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
