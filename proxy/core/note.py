"""What gateways leave each other in a shared store: a token, or word of a login that failed."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from proxy.core.expiry import MAX_LIFETIME, SKEW_TOLERANCE
from proxy.core.token import Token, sendable


@dataclass(frozen=True, slots=True)
class TokenNote:
    """A token: its text, its whole lifetime in seconds, and when it was issued on the wall clock of whoever got it."""

    text: str = field(repr=False)
    lifetime: float
    issued: float

    def __post_init__(self) -> None:
        if not sendable(self.text):
            raise ValueError("the token of a note cannot be sent")
        _check(self.lifetime, self.issued)


@dataclass(frozen=True, slots=True)
class FailureNote:
    """A login that failed: whether the keys were refused, why, and `by` which issuer, a random name of its own."""

    rejected: bool
    cause: str
    by: str
    lifetime: float
    issued: float

    def __post_init__(self) -> None:
        if not isinstance(self.rejected, bool) or not isinstance(self.cause, str) or not isinstance(self.by, str):
            raise ValueError("a note of a failure holds other kinds of values")  # noqa: TRY004  one kind for all
        _check(self.lifetime, self.issued)


Note = TokenNote | FailureNote


def written(note: Note) -> bytes:
    """Return a note as JSON."""
    return json.dumps(asdict(note)).encode()


def read(data: bytes) -> Note:
    """Return the note in JSON. Raises ValueError, without a byte of it, for anything else."""
    try:
        values: object = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("a note is not JSON") from None
    if not isinstance(values, dict):
        raise ValueError("a note is no JSON object")  # noqa: TRY004  one kind for all
    return _note(values)


def left(note: Note, counted: float | None, wall: float) -> float:
    """Return how many seconds a note is still good for, never more than its lifetime; 0 or less: no longer.

    `counted` is what the store has counted itself, which no clock of ours can falsify; without it the wall clock
    decides, and a note from the future, after a clock was set back, is good for nothing.
    """
    if counted is not None:
        return min(counted, note.lifetime)
    age = wall - note.issued
    return 0.0 if age < -SKEW_TOLERANCE else note.lifetime - max(age, 0.0)


def noted(token: Token, now: float, wall: float) -> TokenNote:
    """Return the note of a token, `now` on the clock that it was issued by."""
    lifetime = min(token.expires_at - token.issued_at, MAX_LIFETIME)
    return TokenNote(token.value, lifetime, wall - (now - token.issued_at))


def _note(values: Mapping[str, Any]) -> Note:
    kind = TokenNote if "text" in values else FailureNote
    try:
        return kind(**values)
    except TypeError:
        raise ValueError("a note holds other values") from None


def _check(lifetime: float, issued: float) -> None:
    """Raise ValueError for times that are none, of whatever kind they are."""
    numbers = all(isinstance(each, int | float) and math.isfinite(each) for each in (lifetime, issued))
    if not numbers or not 0 < lifetime <= MAX_LIFETIME:
        raise ValueError("the times of a note are none")
