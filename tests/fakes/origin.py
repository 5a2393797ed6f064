"""A raw origin: it shows the bytes that arrive and answers with the bytes that a test gives it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from tests.fakes.server import reset, serving

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
UNAUTHORIZED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\ndead"


@dataclass
class Arrived:
    """A request as it arrived: the head's bytes, and the body without its framing."""

    head: bytes
    body: bytes
    connection: int
    trailers: bytes = b""

    @property
    def line(self) -> bytes:
        """The request line."""
        return self.head.partition(b"\r\n")[0]

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        """The fields in order, names as they came, values without the space around them."""
        lines = self.head.split(b"\r\n")[1:-2]
        return [(name, value.strip(b" \t")) for name, _, value in (line.partition(b":") for line in lines)]

    def values(self, name: bytes) -> list[bytes]:
        """The values of a field, in order."""
        return [value for key, value in self.fields if key.lower() == name.lower()]


Script = Callable[["Visit"], Awaitable[None]]


@dataclass
class Visit:
    """One connection to the origin, in the hands of a test's script."""

    origin: "RawOrigin"
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int
    trailers: bytes = b""

    async def head(self) -> bytes:
        """Read a head and note it."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        self.origin.heads.append(head)
        self.origin.news.set()
        return head

    async def request(self) -> Arrived:
        """Read a whole request and note it."""
        head = await self.head()
        self.trailers = b""
        arrived = Arrived(head, await self.body(head), self.number, self.trailers)
        self.origin.arrived.append(arrived)
        self.origin.news.set()
        return arrived

    async def body(self, head: bytes) -> bytes:
        """Read the body that a head announces."""
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            return await self._chunked()
        if b"content-length: " not in lower:
            return b""
        length = int(lower.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return await self.reader.readexactly(length)

    async def _chunked(self) -> bytes:
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        while (line := await self.reader.readuntil(b"\r\n")) != b"\r\n":
            self.trailers += line
        return body

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """End the connection with a reset."""
        reset(self.writer)


async def always_ok(visit: Visit) -> None:
    """Answer every request with OK."""
    while True:
        await visit.request()
        await visit.send(OK)


def bodies(*sizes: int) -> Script:
    """Return a script that answers with bodies of these many bytes, and as the last for all that follow."""

    async def script(visit: Visit) -> None:
        while True:
            await visit.request()
            size = sizes[min(len(visit.origin.arrived), len(sizes)) - 1]
            await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))

    return script


@dataclass
class RawOrigin:
    """A listening origin; `script` is run for each connection, `arrived` lists whole requests, `heads` heads."""

    script: Script = always_ok
    arrived: list[Arrived] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0
    closed: int = 0
    port: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def got(self, count: int) -> None:
        """Wait until so many requests have arrived."""
        while len(self.arrived) < count:
            self.news.clear()
            await self.news.wait()

    async def asked(self, count: int) -> None:
        """Wait until so many heads have arrived."""
        while len(self.heads) < count:
            self.news.clear()
            await self.news.wait()

    async def visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection by the script."""
        self.connections += 1
        try:
            await self.script(Visit(self, reader, writer, self.connections))
        finally:
            self.closed += 1
            self.left.set()


@contextlib.asynccontextmanager
async def raw_origin(script: Script = always_ok) -> AsyncIterator[RawOrigin]:
    """Run a raw origin on a free port."""
    origin = RawOrigin(script)
    async with serving(origin.visit) as origin.port:
        yield origin
