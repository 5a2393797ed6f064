"""A request on its way to its origin: a connection, a live token, and the few times that it is sent again."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from proxy.core.events import Finished
from proxy.core.token import Token
from proxy.errors import ConnectionTerminated
from proxy.way import Way
from proxy.wire.answer import Answer
from proxy.wire.body import EMPTY
from proxy.wire.client import ClientConnection
from proxy.wire.origin import OriginConnection
from proxy.wire.request import Request

# RFC 9110 §9.2.1. These alone are sent again when a reused connection died before a byte came back.
SAFE = frozenset((b"GET", b"HEAD", b"OPTIONS"))
EXPECTATION_FAILED = 417

T = TypeVar("T")


class Sending:
    """What of an exchange concerns its origin: the connection that it has, the token that was sent, the attempts."""

    __slots__ = ("client", "fact", "origin", "request", "token", "way")

    # Set by whoever makes an exchange of it: a constructor of its own would be a call more for each request.
    client: ClientConnection
    request: Request
    way: Way
    fact: Finished
    origin: OriginConnection | None
    token: Token | None  # what was sent last

    async def _ask(self, token: Token | None) -> Answer:
        """Send the request and return the head of its answer. Raises OriginError, or what has broken the request.

        What was sent is `self.token`: a newer one where the given one has died while there was no connection.
        """
        client, request, way, self.token = self.client, self.request, self.way, token
        body = request.body
        if way.route.scrub and way.source is not None:
            request.scrub = way.scrub(way.source)
        hold = body is not EMPTY and token is not None and body.replayable and way.asks_first(request)
        request_id = self.fact.request_id.encode()
        repeatable = body is EMPTY and request.method in SAFE
        while True:
            self.origin = origin = way.pool.take(careful=not repeatable, share=client.share)
            if origin is None or self.fact.attempts:
                origin = await self._reach(origin)
            head = way.head(client, request, self.token, request_id, expect=hold or request.expects)
            self.fact.attempts += 1
            origin.ask(client, request, head, way.route.timeouts, way.returned, hold=hold)
            while origin.answer is None and origin.fault is None and request.broken is None:
                await client.flow
            if request.broken is not None:
                raise request.broken
            answer, fault = origin.answer, origin.fault
            if fault is not None:
                if not (repeatable and died_idle(origin)):
                    raise fault
            elif answer is not None:
                if not (answer.status == EXPECTATION_FAILED and hold and self.fact.attempts == 1):
                    return answer
                # RFC 9110 §10.1.1: the expectation was ours, so it is for us to do without.
                hold = False
            self._release()

    async def _reach(self, origin: OriginConnection | None) -> OriginConnection:
        """Return this connection or another, with `self.token` live although time has passed. Raises GatewayError."""
        source = self.way.source
        while True:
            self.origin = origin = origin or await self._connect()
            if source is None or self.token is None:
                return origin
            current = source.current()
            if current is not None:
                self.token = current
                return origin
            # Not kept through the wait: the origin may close it, and others need its place.
            self._release()
            self.token, origin = await self._wait_for(source.token()), None

    async def _connect(self) -> OriginConnection:
        """Return a connection from the pool, new or given back; where the client leaves first, the pool has it back."""
        pool, client = self.way.pool, self.client
        return await client.flow.beside(pool.connect(self.way.route.timeouts.connect, client.share), pool.give_back)

    async def _wait_for(self, token: Coroutine[Any, Any, T]) -> T:
        return await self.client.flow.beside(token, lambda _: None)

    def _release(self) -> None:
        """Let go of the origin's connection, wherever the exchange stands."""
        origin, self.origin = self.origin, None
        if origin is not None:
            origin.end()


def died_idle(origin: OriginConnection) -> bool:
    """Return whether a reused connection had been closed by its origin before it could have read the request."""
    return origin.reused and not origin.heard and isinstance(origin.fault, ConnectionTerminated)
