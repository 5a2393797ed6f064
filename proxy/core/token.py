"""A token, how long it is good for, and when the next one is fetched."""

import dataclasses
import enum
import re

# Refresh ahead somewhere in this part of the lifetime: late enough to use what was paid for, early enough to leave
# a fifth of it for a login that is down; spread, so that gateways started together do not log in together.
REFRESH_FROM = 0.75
REFRESH_TO = 0.85

# Visible ASCII alone: what a field value and `Bearer` (RFC 9110 §5.5 and §11.4) take without quoting or guessing.
_SENDABLE = re.compile(r"[!-~]+")


def sendable(text: str) -> bool:
    """Tell whether a text can be a token: not empty, and nothing in it that a field cannot carry."""
    return _SENDABLE.fullmatch(text) is not None


class Phase(enum.StrEnum):
    """What a token is good for: use, use and refresh behind, do not use."""

    FRESH = "fresh"
    STALE = "stale"
    EXPIRED = "expired"


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Token:
    """What a login returned; compared by identity, since the same text may be issued twice.

    `issued_at`, `stale_at` and `expires_at` are seconds on the gateway's monotonic clock. Raises ValueError, without
    the text, for one that cannot stand in a field.
    """

    value: str = dataclasses.field(repr=False)
    expires_at: float
    stale_at: float
    issued_at: float = 0.0

    def __post_init__(self) -> None:
        if not sendable(self.value):
            raise ValueError("a token is empty or has characters that cannot stand in a field")

    @classmethod
    def issued(cls, value: str, sent_at: float, lifetime: float, random: float) -> "Token":
        """Return the token of a login sent at `sent_at` that is good for `lifetime` seconds; `random` in [0, 1)."""
        share = REFRESH_FROM + (REFRESH_TO - REFRESH_FROM) * random
        return cls(value, sent_at + lifetime, sent_at + lifetime * share, sent_at)

    def phase(self, now: float) -> Phase:
        """Return what the token is good for at `now`, in seconds on the clock it was issued by."""
        if now < self.stale_at:
            return Phase.FRESH
        return Phase.STALE if now < self.expires_at else Phase.EXPIRED
