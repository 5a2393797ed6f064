"""The platform itself: its state, and its life as a server."""

import hmac
import socket
import time
from collections import Counter
from collections.abc import Callable

from aiohttp import web

from proxy.sandbox.events import Event
from proxy.sandbox.faults import Faults
from proxy.sandbox.sessions import Sessions

# A hung request does not keep the platform from ending. In seconds.
SHUTDOWN = 0.2


class Sandbox:
    """A platform with one pair of keys; `ttl` in seconds, `clock` on the wall. `on_event` is told what happens."""

    def __init__(
        self,
        *,
        apikey: str = "demo-key",
        secretkey: str = "demo-secret",
        ttl: float = 3600.0,
        sliding: bool = False,
        clock: Callable[[], float] = time.time,
        on_event: Callable[[Event], object] = lambda _: None,
    ) -> None:
        self._keys = (apikey, secretkey)
        self._ttl, self._sliding = ttl, sliding
        self._runner: web.AppRunner | None = None
        self.clock = clock
        self.tell = on_event
        self.faults = Faults()
        self.sessions = Sessions(clock)
        self.logins = self.failed_logins = self.requests = 0
        self.starts: Counter[str] = Counter()

    @property
    def ttl(self) -> float:
        """How long a token lives, in seconds."""
        return self._ttl if self.faults.ttl is None else self.faults.ttl

    @property
    def sliding(self) -> bool:
        """Whether each use extends a token's life."""
        return self._sliding if self.faults.sliding is None else self.faults.sliding

    def takes(self, apikey: str, secretkey: str) -> bool:
        """Return whether these are the keys."""
        own, given = "\0".join(self._keys), f"{apikey}\0{secretkey}"
        return hmac.compare_digest(own.encode(), given.encode())

    def revoke_all(self) -> int:
        """End every session; return how many there were."""
        return self.sessions.revoke_all()

    # --- life
    def app(self) -> web.Application:
        """Return the platform as an application."""
        from proxy.sandbox.application import application  # noqa: PLC0415  it needs this class

        return application(self)

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; return the address. Raises OSError."""
        # Listening here, not by the loop: a port that is lost to another process in between is an OSError then.
        sock = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        # A hung request ends with its client.
        self._runner = web.AppRunner(self.app(), access_log=None, shutdown_timeout=SHUTDOWN, handler_cancellation=True)
        await self._runner.setup()
        await web.SockSite(self._runner, sock).start()
        address = sock.getsockname()
        return str(address[0]), int(address[1])

    async def close(self) -> None:
        """End, with whatever is under way."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
