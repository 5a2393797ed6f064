"""The connections to one origin: those that lie idle, and how many there may be."""

import asyncio
import select
import ssl
from collections import deque
from collections.abc import Awaitable, Callable

from proxy.core.address import Upstream
from proxy.core.shares import Share, most_of
from proxy.errors import Overloaded
from proxy.wire import dial as network
from proxy.wire.connection import Wire
from proxy.wire.origin import OriginConnection

# Load balancers close idle connections after 60 s and more; being first avoids the race. In seconds.
IDLE_TIME = 55.0
# Whom a connection is taken for that no request has asked for.
NOBODY = Share("")

# What `proxy.wire.dial.dial` is: a new protocol, where to, how to speak TLS, within how many seconds.
Dial = Callable[
    [Callable[[], OriginConnection], Upstream, ssl.SSLContext | None, float],
    Awaitable[OriginConnection],
]


def stirs(connection: OriginConnection) -> bool:
    """Return whether an idle connection has something to read, its end most likely, that the loop has not told yet."""
    poll = select.poll()
    poll.register(connection.transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))


class Pool:
    """Idle connections to one origin, the last used first, and a bound on how many are open.

    `open` counts connections in use, idle and being dialled; `dialled` and `reused` count since the start. `dial` makes
    a new one, `stirs` tells whether an idle one has something to read. No peer has more than most of them.
    """

    def __init__(
        self,
        wire: Wire,
        upstream: Upstream,
        tls: ssl.SSLContext | None,
        limit: int,
        dial: Dial = network.dial,
        stirs: Callable[[OriginConnection], bool] = stirs,
    ) -> None:
        self.upstream = upstream
        self.open = self.dialled = self.reused = 0
        self._wire = wire
        self._tls = tls
        self._limit = limit
        self._dial = dial
        self._stirs = stirs
        self._most = most_of(limit)
        self._idle: dict[OriginConnection, None] = {}
        self._held: dict[Share, int] = {}  # in use and being dialled, by whose request it is for
        self._waiting: deque[tuple[asyncio.Future[None], Share]] = deque()
        self._woken = 0  # of those who waited, how many have not had their turn of the loop yet
        self._closed = False

    def __repr__(self) -> str:
        return f"<Pool {self.upstream} open={self.open} idle={len(self._idle)} waiting={len(self._waiting)}>"

    @property
    def idle(self) -> int:
        """How many connections lie idle."""
        return len(self._idle)

    @property
    def _spoken_for(self) -> bool:
        """Whether all that there is belongs to those who have been woken for it."""
        return self._woken >= len(self._idle) + self._limit - self.open

    def take(self, *, careful: bool, woken: bool = False, share: Share = NOBODY) -> OriginConnection | None:
        """Return an idle connection, or None. `careful` for a request that cannot be sent again: look once more.

        Those who have waited, and are `woken`, come first: else a busy client would have it before their turn comes.
        """
        held = self._held.get(share, 0)
        if (self._woken and not woken and self._spoken_for) or held >= self._most:
            return None
        while self._idle:
            connection, _ = self._idle.popitem()
            if not (connection.transport.is_closing() or (careful and self._stirs(connection))):
                self.reused += 1
                self._held[share] = held + 1
                connection.taken_for = share
                return connection
            self.open -= 1
            connection.discard()
        return None

    async def connect(self, within: float, share: Share = NOBODY) -> OriginConnection:
        """Return a new connection, or an idle one if that comes first, within `within` seconds. Raises OriginError."""
        began = self._wire.loop.time()
        if self.open >= self._limit or self._spoken_for or self._held.get(share, 0) >= self._most:
            connection = await self._wait(within, share)
            if connection is not None:
                return connection
        self.open += 1
        self._held[share] = self._held.get(share, 0) + 1
        try:
            connection = await self._dial(
                lambda: OriginConnection(self._wire, self),
                self.upstream,
                self._tls,
                within - (self._wire.loop.time() - began),
            )
        except BaseException:
            self.open -= 1
            self._let_go(share)
            self._wake()
            raise
        connection.taken_for = share
        self.dialled += 1
        return connection

    async def _wait(self, within: float, share: Share) -> OriginConnection | None:
        """Wait until a connection comes back, or may be made anew. Raises Overloaded after `within` seconds."""
        try:
            async with asyncio.timeout(within):
                woken = False
                while True:
                    if self._held.get(share, 0) >= self._most:
                        if woken:  # another request of this peer was quicker
                            self._wake()
                    elif woken or not self._spoken_for:  # one may have come back before this task began
                        connection = self.take(careful=True, woken=woken, share=share)
                        if connection is not None or self.open < self._limit:
                            return connection
                    place: asyncio.Future[None] = self._wire.loop.create_future()
                    self._waiting.append((place, share))
                    try:
                        await place
                    except BaseException:
                        self._leave(place, share)
                        raise
                    woken = True
                    self._woken -= 1
        except TimeoutError:
            raise Overloaded("All connections to the platform are in use.", retry_after=1) from None

    def _leave(self, place: "asyncio.Future[None]", share: Share) -> None:
        if (place, share) in self._waiting:
            self._waiting.remove((place, share))
        elif not place.cancelled():  # it was woken, but goes away: the next in line gets the turn
            self._woken -= 1
            self._wake()

    def give_back(self, connection: OriginConnection) -> None:
        """Take a connection back behind its exchange: to lie idle if it is `clean`, else to be forgotten."""
        self._let_go(connection.taken_for)
        if connection.clean and not self._closed:
            connection.deadline = self._wire.sweep.after(IDLE_TIME)
            self._idle[connection] = None
        else:
            self.open -= 1
            connection.discard()
        if self._waiting:
            self._wake()

    def forget(self, connection: OriginConnection) -> None:
        """An idle connection has ended by itself."""
        if connection in self._idle:
            del self._idle[connection]
            self.open -= 1
            self._wake()

    def close(self) -> None:
        """Close what lies idle, now and from now on."""
        self._closed = True
        while self._idle:
            connection, _ = self._idle.popitem()
            self.open -= 1
            connection.discard()

    def _let_go(self, share: Share) -> None:
        left = self._held.pop(share) - 1  # peers come and go
        if left:
            self._held[share] = left

    def _wake(self) -> None:
        """Wake the first that waits and may have one more."""
        for at, (place, share) in enumerate(self._waiting):
            if not place.done() and self._held.get(share, 0) < self._most:
                del self._waiting[at]
                place.set_result(None)
                self._woken += 1
                return
