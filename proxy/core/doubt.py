"""Whether a refusal is about the token, or about something that a new token will not mend."""

from collections.abc import Hashable

from cachetools import LRUCache

from proxy.core.backoff import REFUSAL_BACKOFF
from proxy.core.token import Token

# Enough for the endpoints that a gateway's clients really use; the least recently accepted are forgotten first.
REMEMBERED = 1024
# A first answer that takes longer says nothing any more about the refusals of others.
TRIAL = 60.0


class Doubt:
    """Refusals are believed until a replay with a newer token is refused as well; then they are doubted.

    A doubted refusal is believed if what refuses had accepted the very token, which ends the doubt, and once each time
    that the backoff has passed (interface.md, "What a refusal costs"). From the first replay with it until
    something accepts it a newer token is on trial: any refusal of it then says what a refused replay says.
    All tokens are the current ones of their moments; times are seconds on one clock.
    """

    __slots__ = ("_accepted", "_accepted_by", "_backoff", "_counted", "_trial", "_trial_ends", "_until")

    def __init__(self) -> None:
        self._accepted_by: LRUCache[int, None] = LRUCache(REMEMBERED)
        self._accepted: Token | None = None
        self._trial: Token | None = None
        self._trial_ends = 0.0
        self._end()

    def _end(self) -> None:
        self._accepted_by.clear()
        self._backoff = REFUSAL_BACKOFF
        self._counted: Token | None = None
        self._until = 0.0

    @property
    def doubtful(self) -> bool:
        """Whether it matters what accepts the token: refusals are doubted, or the token is on trial."""
        return self._trial is not None or self._backoff.failures > 0

    @property
    def wait(self) -> float:
        """How many seconds refusals are doubted after the last refused replay; 0 while they are believed."""
        return self._backoff.delay()

    def believes(self, token: Token, what: Hashable, now: float, *, may_login: bool) -> bool:
        """Judge the refusal of a token on `what`.

        When the backoff has passed, its one refusal is spent only where a login `may_login`: a doubtful refusal must
        not cost the others a token that nothing can replace.
        """
        if self._has_accepted(token, what):
            self._end()
        elif self._backoff.failures:
            if now < self._until or not may_login:
                return False
            self._until = now + self.wait
        return True

    def replay_refused(self, token: Token, what: Hashable, now: float) -> bool:
        """Count the refusal of a replay, once for each token; tell whether it was counted."""
        if token is self._counted:
            return False
        if self._has_accepted(token, what):
            self._end()
            return False
        self._trial = None
        self._counted = token
        self._backoff = self._backoff.failed()
        self._until = now + self.wait
        return True

    def replaced(self, token: Token, now: float) -> None:
        """Put a token on trial that came in the place of a refused one; the first replay with it is to be sent."""
        self._trial, self._trial_ends = token, now + TRIAL

    def on_trial(self, token: Token, now: float) -> bool:
        """Tell whether this token has replaced a refused one and nothing has accepted it yet."""
        return token is self._trial and now < self._trial_ends

    def accepted(self, token: Token, what: Hashable) -> None:
        """Take note that `what` accepted a token."""
        self._trial = None
        if not self._backoff.failures:
            return
        if token is not self._accepted:
            self._accepted_by.clear()
            self._accepted = token
        self._accepted_by[hash(what)] = None  # the hash alone: a target may have kilobytes

    def _has_accepted(self, token: Token, what: Hashable) -> bool:
        return token is self._accepted and hash(what) in self._accepted_by
