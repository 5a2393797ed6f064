"""The forwarding path alone, on a loopback port: real sockets on both sides, tokens from a fake source."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

from proxy.core.access import Access
from proxy.core.address import Upstream
from proxy.core.credential import DEFAULT_REJECT
from proxy.core.events import Finished
from proxy.core.limits import Limits
from proxy.core.route import LOGIN_PATHS, Route
from proxy.core.routing import RouteTable
from proxy.core.timeouts import Timeouts
from proxy.core.tls_events import HandshakeFailed
from proxy.exchange import Gateway
from proxy.way import Way
from proxy.wire.client import ClientConnection
from proxy.wire.clients import Clients
from proxy.wire.connection import Wire
from proxy.wire.flow import Outbox
from proxy.wire.handshake import Handshake, HasContext
from proxy.wire.pool import Pool
from proxy.wire.sweep import Sweep
from tests.fakes.server import reset
from tests.fakes.tokens import FakeSource

PSEUDONYM = b"iam-proxy-test"
# How long the loop may turn until something is so, in seconds: far more than anything takes.
PATIENCE = 10.0


class Time:
    """The sweep's clock: it stands still until a test moves it, so a deadline is met when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time, in seconds."""
        return self.now


@dataclass
class Answered:
    """An answer as a client got it; `whole` is False when the connection ended inside it."""

    status: int
    head: bytes
    body: bytes
    whole: bool = True
    trailers: bytes = b""

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        """The fields in order, names as they came, values without the space around them."""
        lines = self.head.split(b"\r\n")[1:-2]
        return [(name, value.strip(b" \t")) for name, _, value in (line.partition(b":") for line in lines)]

    def values(self, name: bytes) -> list[bytes]:
        """The values of a field, in order."""
        return [value for key, value in self.fields if key.lower() == name.lower()]


@dataclass
class RawClient:
    """A client that writes bytes and reads answers."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    @contextlib.asynccontextmanager
    async def to(cls, port: int, tls: ssl.SSLContext | None = None) -> AsyncIterator["RawClient"]:
        """Connect to a loopback port, which is to be `localhost` where TLS is spoken."""
        name = None if tls is None else "localhost"
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=name)
        try:
            yield cls(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def get(self, target: str = "/", *lines: str) -> Answered:
        """Send a GET and read its answer."""
        head = "\r\n".join((f"GET {target} HTTP/1.1", "Host: gateway", *lines, "", ""))
        await self.send(head.encode("latin-1"))
        return await self.answer()

    async def answer(self, *, head_only: bool = False) -> Answered:
        """Read one answer."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        answered = Answered(status, head, b"")
        if head_only or status in {204, 304} or status < 200:
            return answered
        try:
            answered.body = await self._body(answered)
        except asyncio.IncompleteReadError as end:
            answered.body, answered.whole = end.partial, False
        except ConnectionError:
            answered.whole = False
        return answered

    async def _body(self, answered: Answered) -> bytes:
        if length := answered.values(b"content-length"):
            return await self.reader.readexactly(int(length[0]))
        if answered.values(b"transfer-encoding"):
            body = b""
            while size := int((await self.reader.readuntil(b"\r\n")), 16):
                body += (await self.reader.readexactly(size + 2))[:-2]
            while (line := await self.reader.readuntil(b"\r\n")) != b"\r\n":
                answered.trailers += line
            return body
        return await self.reader.read()

    async def ended(self) -> bool:
        """Return whether the gateway has closed, behind everything it sent."""
        try:
            return await self.reader.read() == b""
        except ConnectionError:
            return True

    def close(self) -> None:
        """Go away."""
        self.writer.close()

    def reset(self) -> None:
        """Go away with a reset."""
        reset(self.writer)


@dataclass
class Bench:
    """A gateway under test."""

    port: int
    gateway: Gateway
    pool: Pool
    source: FakeSource
    wire: Wire
    time: Time
    clients: Clients
    finished: list[Finished] = field(default_factory=list)
    failed: list[HandshakeFailed] = field(default_factory=list)
    told: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, fact: Finished) -> None:
        """Keep what the gateway tells its observers."""
        self.finished.append(replace(fact))
        self.told.set()

    async def facts(self, count: int = 1) -> list[Finished]:
        """Wait until so many exchanges have ended, and return them."""
        while len(self.finished) < count:
            self.told.clear()
            await self.told.wait()
        return self.finished

    async def pass_time(self, seconds: float) -> None:
        """Let that much time pass for every deadline, and let what follows from it happen."""
        self.time.now += seconds
        self.wire.sweep.tick()
        await self.turns(5)

    async def turns(self, count: int) -> None:
        """Let the loop turn, so that what is on its way on loopback arrives."""
        for _ in range(count):
            await asyncio.sleep(0)

    async def until(self, condition: Callable[[], object]) -> None:
        """Let the loop turn until it is so; never is a failure."""
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110  whatever may make it so has no event to wait for
                await asyncio.sleep(0)

    def connection(self) -> ClientConnection:
        """Return the gateway's connection to its only client."""
        (only,) = self.clients
        return cast("ClientConnection", only)

    def client(self, tls: ssl.SSLContext | None = None) -> contextlib.AbstractAsyncContextManager[RawClient]:
        """Connect a client."""
        return RawClient.to(self.port, tls)


def complaints() -> list[dict[str, Any]]:
    """Return what the running loop complains of from now on: errors that nobody caught."""
    heard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
    return heard


def upstream(port: int, base: bytes = b"", host: str = "127.0.0.1", scheme: str = "http") -> Upstream:
    """Return a loopback upstream."""
    return Upstream(scheme, host, port, base)


def default_route(port: int) -> Route:
    """Return the route that a configuration with one upstream makes."""
    return Route(b"/", upstream(port), credential="default", deny=LOGIN_PATHS)


@contextlib.asynccontextmanager
async def gateway_to(  # noqa: PLR0913  each is what some test is about
    port: int,
    *,
    route: Callable[[Route], Route] = lambda route: route,
    routes: list[Route] | None = None,
    source: FakeSource | None = None,
    limits: Limits = Limits(),
    timeouts: Timeouts = Timeouts(),
    access: Access = Access(),
    certificate: HasContext | None = None,
) -> AsyncIterator[Bench]:
    """Run the forwarding path in front of an origin on a loopback port; with a certificate, clients speak TLS."""
    loop, time = asyncio.get_running_loop(), Time()
    routes = routes or [route(replace(default_route(port), timeouts=timeouts))]
    injected = frozenset(each.injection.field or b"" for each in routes)
    wire = Wire(loop, Outbox(loop), Sweep(time), limits.max_header_size, injected)
    source = source or FakeSource()
    table = RouteTable(routes)
    pools = {
        rules.route.upstream: Pool(wire, rules.route.upstream, None, limits.max_origin_connections)
        for rules in table.rules
    }
    ways = [
        Way(rules, pools[rules.route.upstream], limits, PSEUDONYM, source, DEFAULT_REJECT)
        if rules.route.credential
        else Way(rules, pools[rules.route.upstream], limits, PSEUDONYM)
        for rules in table.rules
    ]
    clients = Clients()
    bench: Bench

    def noted(fact: Finished) -> None:
        bench.note(fact)

    gateway = Gateway(wire, ways, table, noted, limits.max_in_flight, access, PSEUDONYM)

    def new_client() -> ClientConnection:
        return ClientConnection(wire, timeouts, gateway.serve, clients)

    def new_connection() -> asyncio.Protocol:
        if certificate is None:
            return new_client()
        return Handshake(certificate, timeouts.client_header, new_client, clients, bench.failed.append)

    server = await loop.create_server(new_connection, "127.0.0.1", 0)
    bound = server.sockets[0].getsockname()[1]
    bench = Bench(bound, gateway, ways[0].pool, source, wire, time, clients)
    try:
        yield bench
    finally:
        server.close()
        for client in clients:
            client.abort()
        await clients.gone()
        for pool in pools.values():
            pool.close()
        await asyncio.sleep(0)
