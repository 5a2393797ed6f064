"""One connection between a gateway and the origin, and what has been done to it."""

from collections.abc import Callable

from tests.simulation.asked import Asked
from tests.simulation.peer import Peer


class Conversation:
    """One connection to the origin; `trouble` is what has been done to it."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.gateway = peer.gateway
        self.trouble: set[str] = set()
        self.asked: Asked | None = None
        self.idle = True
        self._sent = self._delivered = 0
        self._marks: list[tuple[int, Callable[[], None]]] = []

    def send(self, data: bytes) -> None:
        """Write."""
        self._sent += len(data)
        self.peer.send(data)

    def mark(self, reached: Callable[[], None]) -> None:
        """Say so once the gateway has been given all that was sent until now."""
        self._marks.append((self._sent, reached))

    def delivered(self, data: bytes) -> None:
        """The gateway is about to be given this."""
        self._delivered += len(data)
        while self._marks and self._marks[0][0] <= self._delivered:
            self._marks.pop(0)[1]()

    def mute(self) -> None:
        """Be reached by nobody any more."""
        self.peer.end.vanish()

    @property
    def muted(self) -> bool:
        """Whether nothing crosses any more."""
        return self.peer.end.mute
