"""Whether a refusal is about the token, or about something that a new token will not mend."""

from collections.abc import Hashable

from cachetools import LRUCache

from proxy.core.backoff import REFUSAL_BACKOFF, Backoff
from proxy.core.token import Token

# Enough for the endpoints that a gateway's clients really use; the least recently accepted are forgotten first.
REMEMBERED = 1024


class Doubt:
    """Refusals are believed until a replay with a newer token is refused as well; then they are doubted.

    A doubted refusal is believed if what refuses had accepted the very token (which ends the doubt), or once each time
    that the backoff has passed. interface.md, "What a refusal costs".
    """

    __slots__ = ("_accepted", "_backoff", "_counted", "_seen", "_until")

    def __init__(self) -> None:
        self._accepted: LRUCache[int, None] = LRUCache(REMEMBERED)
        self._seen: Token | None = None
        self._forget()

    def _forget(self) -> None:
        self._accepted.clear()
        self._backoff: Backoff = REFUSAL_BACKOFF
        self._counted: Token | None = None
        self._until = 0.0

    @property
    def doubtful(self) -> bool:
        """Whether refusals are being doubted; what accepts a token matters only then."""
        return self._backoff.failures > 0

    @property
    def wait(self) -> float:
        """How many seconds one doubted refusal keeps the next from being believed."""
        return self._backoff.delay()

    def believes(self, token: Token, what: Hashable, now: float, *, may_login: bool) -> bool:
        """Judge the refusal of the current token on `what`.

        When the backoff has passed, the one refusal is spent only where a login `may_login`: a doubtful refusal must
        not cost the others a token that nothing can replace.
        """
        if not self.doubtful:
            return True
        if self._has_accepted(token, what):
            self._forget()
            return True
        if now < self._until or not may_login:
            return False
        self._until = now + self.wait
        return True

    def replay_refused(self, token: Token, what: Hashable, now: float) -> bool:
        """Count the refusal of a replay, once for each token; tell whether it was counted."""
        if token is self._counted:
            return False
        if self._has_accepted(token, what):
            self._forget()
            return False
        self._counted = token
        self._backoff = self._backoff.failed()
        self._until = now + self.wait
        return True

    def accepted(self, token: Token, what: Hashable) -> None:
        """Record that `what` accepted the current token."""
        if token is not self._seen:
            self._accepted.clear()
            self._seen = token
        self._accepted[hash(what)] = None  # the hash alone: a target may have kilobytes

    def _has_accepted(self, token: Token, what: Hashable) -> bool:
        return token is self._seen and hash(what) in self._accepted
