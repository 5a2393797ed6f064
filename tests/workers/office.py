"""A supervisor's token source with two workers, in one process: real sockets, a clock in the test's hands."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from proxy.workers.channel import Channel, Message
from proxy.workers.desk import Desk
from proxy.workers.remote import RemoteSource
from tests.tokens.clock import settled
from tests.tokens.issuer import Rig, rig

WHAT = (b"GET", b"/a")


@dataclass
class Worker:
    """One worker's source and the desk that answers it; `said` has what the worker has sent."""

    source: RemoteSource
    desk: Desk
    near: Channel
    far: Channel
    said: list[Message] = field(default_factory=list)

    async def told(self) -> None:
        """Wait until everything that was sent has arrived and had its effect."""
        loop = asyncio.get_running_loop()
        for _ in range(4):  # there, and back again, each with a look at the sockets
            await settled()
            await loop.run_in_executor(None, lambda: None)


async def worker(it: Rig, *, scrubs: bool = False) -> Worker:
    """Return a worker of this source."""
    loop = asyncio.get_running_loop()
    here, there = socket.socketpair()
    said: list[Message] = []

    def heard(message: Message) -> None:
        said.append(message)
        desk.heard(message)

    def ask(message: Message) -> bool:
        return near.send(message)

    def answer(message: Message) -> bool:
        return far.send(message)

    source = RemoteSource("main", ask, it.clock.time)
    desk = Desk({"main": it.reuse}, {"main"} if scrubs else set(), answer)
    near, far = Channel(source.heard, source.lost), Channel(heard, desk.close)
    await loop.create_connection(lambda: near, sock=here)
    await loop.create_connection(lambda: far, sock=there)
    return Worker(source, desk, near, far, said)


@dataclass
class Office:
    """The source, and who uses it."""

    it: Rig
    workers: tuple[Worker, Worker]

    async def told(self) -> None:
        """Tell all workers what has changed, and wait until they know."""
        await settled()
        for each in self.workers:
            each.desk.tell()
        for each in self.workers:
            await each.told()


@asynccontextmanager
async def office(
    *, waits: bool = False, failure: Exception | None = None, scrubs: bool = False
) -> AsyncIterator[Office]:
    """Start a source with two workers; its first login gives a token, or waits for the gate, or fails."""
    it = rig()
    it.issuer.failure = failure
    if waits:
        it.issuer.gate.clear()
    it.reuse.start()
    made = Office(it, (await worker(it, scrubs=scrubs), await worker(it, scrubs=scrubs)))
    await made.told()
    try:
        yield made
    finally:
        for each in made.workers:
            each.near.close()
            each.far.close()
        await settled()
        await it.reuse.close()
