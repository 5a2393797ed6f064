"""What becomes of a token that another proxy sends, as far as its silence tells.

That proxy asks before each request and gives back what was refused, and tells no more: neither what has accepted a
token, nor what has refused the one that came in the place of a refused one.
"""

from collections.abc import Hashable

from cachetools import LRUCache

from proxy.core.token import Token

# A refusal is quick: what has kept a token for so long, in seconds, has accepted it.
LONG_ENOUGH = 5.0
# As many as `Doubt` remembers.
REMEMBERED = 1024


class Unreturned:
    """The requests that have the current token, by what they are for; times are seconds on one clock."""

    __slots__ = ("_replays", "_since", "_token")

    def __init__(self) -> None:
        self._token: Token | None = None
        self._since: LRUCache[int, float] = LRUCache(REMEMBERED)
        self._replays: LRUCache[int, None] = LRUCache(REMEMBERED)

    def give(self, token: Token, what: Hashable, now: float) -> None:
        """Take note that `what` is sent with the token."""
        self._turn_to(token)
        self._since.setdefault(hash(what), now)  # the hash alone: a target may have kilobytes

    def give_again(self, token: Token, what: Hashable) -> None:
        """Take note that `what` is sent again, with the token in the place of a refused one."""
        self._turn_to(token)
        self._replays[hash(what)] = None

    def take_back(self, token: Token, what: Hashable) -> bool:
        """Take note of a refusal; tell whether the token had come in the place of one that was refused for the same."""
        self._turn_to(token)
        self._since.pop(hash(what), None)
        return hash(what) in self._replays

    def kept(self, token: Token, now: float) -> list[tuple[int, float]]:
        """Return what has accepted the token without a word, as hashes, and since when; each once until given anew."""
        self._turn_to(token)
        found = [(what, since) for what, since in self._since.items() if now >= since + LONG_ENOUGH]
        for what, _ in found:
            del self._since[what]
            self._replays.pop(what, None)
        return found

    def _turn_to(self, token: Token) -> None:
        if token is not self._token:
            self._token = token
            self._since.clear()
            self._replays.clear()
