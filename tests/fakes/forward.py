"""A forward proxy that a test writes the answers of; whatever is asked for, the way leads to one loopback port."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from proxy.core.egress import EgressProxy
from proxy.core.secret import Secret
from tests.fakes.origin import RawOrigin, Script, Visit, raw_origin

OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@dataclass
class Forward:
    """Opens ways to `port`, answering `opened` first; `ways` counts those that are open. Use `visit` as a script."""

    port: int
    opened: bytes = OPENED
    ways: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def visit(self, visit: Visit) -> None:
        """Serve one connection."""
        await visit.head()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.ways += 1
        try:
            await visit.send(self.opened)
            there = asyncio.create_task(carried(visit.reader, writer))
            back = asyncio.create_task(carried(reader, visit.writer))
            await asyncio.gather(there, back)
        finally:
            there.cancel()
            back.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
            writer.close()
            self.ways -= 1
            self.ended.set()


async def carried(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry bytes one way until their end, which ends the other way too."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def forward_to(port: int, opened: bytes = OPENED) -> AsyncIterator[RawOrigin]:
    """Run a proxy all of whose ways lead to a port."""
    async with raw_origin(Forward(port, opened).visit) as proxy:
        yield proxy


def answering(*parts: bytes) -> Script:
    """Return a script that reads CONNECT, answers with these bytes, one part after the other, and closes."""

    async def script(visit: Visit) -> None:
        await visit.head()
        for part in parts:
            await visit.send(part)
            await asyncio.sleep(0)

    return script


async def silent(visit: Visit) -> None:
    """Read what comes, and never answer."""
    await visit.head()
    await visit.reader.read()


def proxy_at(port: int, login: str | None = None) -> EgressProxy:
    """Return the proxy on a loopback port."""
    return EgressProxy("127.0.0.1", port, None if login is None else Secret(login))
