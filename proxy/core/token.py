"""A token, how long it is good for, and when the next one is fetched."""

import enum
import math
import re

# Refresh ahead somewhere in this part of the lifetime: late enough to use what was paid for, early enough to leave
# a fifth of it for a login that is down; spread, so that gateways started together do not log in together.
REFRESH_FROM = 0.75
REFRESH_TO = 0.85
# A login may take half as long again as the last one and still be done before the token that it replaces expires.
LOGIN_MARGIN = 1.5

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


class Token:
    """What a login returned; compared by identity, since the same text may be issued twice.

    `issued_at`, `stale_at` and `expires_at` are seconds on the gateway's monotonic clock. Each use gives a sliding
    token `slides` seconds more, up to `ends_at`. Raises ValueError, without the text, for one that cannot stand in a
    field.
    """

    __slots__ = ("_share", "ends_at", "expires_at", "issued_at", "slides", "stale_at", "value")

    def __init__(self, value: str, expires_at: float, stale_at: float, issued_at: float = 0.0) -> None:
        if not sendable(value):
            raise ValueError("a token is empty or has characters that cannot stand in a field")
        self.value = value
        self.expires_at = self.ends_at = expires_at
        self.stale_at = stale_at
        self.issued_at = issued_at
        self.slides = 0.0
        self._share = REFRESH_TO

    def __repr__(self) -> str:
        return f"<Token stale_at={self.stale_at:.1f} expires_at={self.expires_at:.1f}>"

    @classmethod
    def issued(
        cls, value: str, sent_at: float, lifetime: float, random: float, *, took: float = 0.0, max_age: float = math.inf
    ) -> "Token":
        """Return the token of a login sent at `sent_at` that is good for `lifetime` seconds, at most for `max_age`.

        `random` in [0, 1) places the refresh; a login that `took` long moves it ahead, so that the next is in time.
        """
        lifetime, share = min(lifetime, max_age), REFRESH_FROM + (REFRESH_TO - REFRESH_FROM) * random
        stale = min(lifetime * share, max(lifetime - took * LOGIN_MARGIN, took))
        token = cls(value, sent_at + lifetime, sent_at + stale, sent_at)
        token.ends_at, token._share = sent_at + max_age, share
        return token

    def used(self, at: float) -> None:
        """Take note that the platform accepted the token on a request sent `at`: a sliding one lives longer."""
        expires_at = min(at + self.slides, self.ends_at)
        if expires_at > self.expires_at:
            # Where max_age comes first, the refresh is placed in that.
            oldest = self.issued_at + (self.ends_at - self.issued_at) * self._share
            self.expires_at, self.stale_at = expires_at, min(at + self.slides * self._share, oldest)

    def phase(self, now: float) -> Phase:
        """Return what the token is good for at `now`, in seconds on the clock it was issued by."""
        if now < self.stale_at:
            return Phase.FRESH
        return Phase.STALE if now < self.expires_at else Phase.EXPIRED
