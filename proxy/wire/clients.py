"""The connections of clients that are open now, how many there may be, and which of them is closed for another."""

import asyncio
import contextlib
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterator
from typing import Protocol

from proxy.core.shares import Share, first_to_go, peer_of

# How long a connection is left alone before it may be closed for another: time for the request that it was made for.
SETTLED = 1.0
# How many are chosen in one look at all of them, of which there is one at each tick of the sweep.
CHOSEN = 256


class Client(Protocol):
    """One connection of a client."""

    @property
    def idle_for(self) -> float:
        """How long it has waited for a request, in seconds; 0 while one is under way."""
        ...

    @property
    def busy(self) -> bool:
        """Whether a request is under way, behind which another may come."""
        ...

    def leave(self) -> None:
        """Take no further request."""
        ...

    def abort(self) -> None:
        """End at once."""
        ...


class Clients:
    """All of them, up to `limit`, each with the share of its peer; can be waited on until none is left."""

    def __init__(self, limit: int = sys.maxsize) -> None:
        self.limit = limit
        self._open: dict[Client, Share] = {}
        self._shares: dict[str, Share] = {}
        self._empty = asyncio.Event()
        self._empty.set()
        self._waiting: set[Callable[[], None]] = set()
        self._looked = float("-inf")
        self._chosen: deque[Client] = deque()

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Client]:
        return iter(tuple(self._open))

    @property
    def room(self) -> int:
        """How many more may be accepted."""
        return max(0, self.limit - len(self._open))

    def add(self, client: Client, address: str) -> Share:
        """A client has been accepted from an address; return its peer's share."""
        peer = peer_of(address)
        share = self._open[client] = self._shares.setdefault(peer, Share(peer))
        share.connections += 1
        self._empty.clear()
        return share

    def discard(self, client: Client) -> None:
        """A client is gone."""
        share = self._open.pop(client, None)
        if share is None:
            return
        share.connections -= 1
        if not share.connections:
            del self._shares[share.peer]
        if not self._open:
            self._empty.set()
        if self._waiting:
            waiting, self._waiting = self._waiting, set()
            for wake in waiting:
                wake()

    async def gone(self) -> None:
        """Wait until no client is left."""
        await self._empty.wait()

    async def leave(self, within: float, spared: Collection[Client] = ()) -> None:
        """Have all but the `spared` leave, and wait until no client is left, for so many seconds at most."""
        for client in self:
            if client not in spared:
                client.leave()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self.gone()

    # --- when there are too many
    def wait(self, wake: Callable[[], None]) -> None:
        """Call `wake` once when the next client is gone."""
        self._waiting.add(wake)

    def make_room(self, now: float) -> None:
        """Close one idle connection; if there is none, let one that is busy close behind its answer."""
        if now != self._looked:
            self._looked = now
            self._chosen = deque(self._choice())
        while self._chosen:
            client = self._chosen.popleft()
            if client in self._open and (client.busy or client.idle_for >= SETTLED):
                client.leave()
                return

    def _choice(self) -> list[Client]:
        """Return who goes first: of the peer with the most the longest idle, else the newest (its request is short)."""
        idle = [(client, share, client.idle_for) for client, share in self._open.items()]
        settled = [each for each in idle if each[2] >= SETTLED]
        busy = [(client, share, age) for age, (client, share, _) in enumerate(idle) if client.busy]
        return first_to_go(settled or busy, CHOSEN)
