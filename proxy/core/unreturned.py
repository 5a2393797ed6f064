"""What becomes of a token that another proxy sends, as far as its silence tells.

That proxy asks before each request and gives back what was refused, and tells no more: neither what has accepted a
token, nor what has refused the one that came in the place of a refused one.
"""

from collections.abc import Hashable

from cachetools import LRUCache

from proxy.core.token import Token

# What has kept a token for so long, in seconds, has accepted it: a platform refuses sooner, or is as good as down.
LONG_ENOUGH = 20.0
# As many as `Doubt` remembers.
REMEMBERED = 1024


class Unreturned:
    """The requests that have the current token, by what they are for; times are seconds on one clock."""

    __slots__ = ("_accepted", "_replays", "_since", "_token")

    def __init__(self) -> None:
        self._token: Token | None = None
        self._accepted: LRUCache[Hashable, float] = LRUCache(REMEMBERED)
        self._since: LRUCache[Hashable, float] = LRUCache(REMEMBERED)
        self._replays: LRUCache[Hashable, None] = LRUCache(REMEMBERED)

    def give(self, token: Token, what: Hashable, now: float) -> None:
        """Take note that `what` is sent with the token."""
        self._turn_to(token)
        since = self._since.get(what)
        if since is None or self._has_kept(what, since, now):
            self._since[what] = now

    def give_again(self, token: Token, what: Hashable) -> None:
        """Take note that `what` is sent again, with the token in the place of a refused one."""
        self._turn_to(token)
        self._replays[what] = None

    def take_back(self, token: Token, what: Hashable) -> bool:
        """Take note of a refusal; tell whether the token had come in the place of one that was refused for the same."""
        self._turn_to(token)
        self._since.pop(what, None)
        return what in self._replays

    def kept(self, token: Token, now: float) -> list[tuple[Hashable, float]]:
        """Return what has accepted the token without a word, and since when; each once until it is given it anew."""
        self._turn_to(token)
        for what, since in list(self._since.items()):
            if self._has_kept(what, since, now):
                del self._since[what]
        found = list(self._accepted.items())
        self._accepted.clear()
        return found

    def _has_kept(self, what: Hashable, since: float, now: float) -> bool:
        if now < since + LONG_ENOUGH:
            return False
        self._accepted[what] = since
        self._replays.pop(what, None)
        return True

    def _turn_to(self, token: Token) -> None:
        if token is not self._token:
            self._token = token
            for each in (self._accepted, self._since, self._replays):
                each.clear()
