"""The crew: who is started again, and when. Workers are small programs here that do one thing wrong, or nothing."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

from proxy.config.settings import Config
from proxy.core.worker_events import WorkerDied, WorkerEvent
from proxy.workers.crew import PAUSES, Crew
from proxy.workers.order import Order
from proxy.workers.process import WorkerProcess

DIES = "import sys; sys.exit(7)"
SERVES = "import socket, sys, signal; socket.socket(fileno=int(sys.argv[1])).send(b'{\"ready\": 1}\\n'); signal.pause()"
ORDER = Order(Config(()), ())


class Rig:
    """A crew whose workers run `program`, and what is told of them."""

    def __init__(self, count: int, program: str) -> None:
        self.program = program
        self.told: asyncio.Queue[WorkerEvent] = asyncio.Queue()
        self.crew = Crew(count, self._made, self.told.put_nowait)

    def _made(self) -> WorkerProcess:
        command = (sys.executable, "-S", "-c", self.program)
        return WorkerProcess(lambda *_: None, lambda *_: None, command)

    def pids(self) -> list[int]:
        """Return who serves now."""
        return [worker.pid for worker in self.crew]


@contextlib.asynccontextmanager
async def crew(count: int, program: str) -> AsyncIterator[Rig]:
    """Start a crew, and see it ended."""
    it = Rig(count, program)
    await it.crew.start(ORDER)
    try:
        yield it
    finally:
        await it.crew.stop()
        assert it.pids() == []


async def test_one_that_goes_on_dying_is_started_after_longer_and_longer_pauses() -> None:
    """Half a second, then twice as long each time; its exit code is told."""
    async with crew(1, DIES) as it:
        told = [await it.told.get() for _ in range(3)]
    assert [(event.code, event.restart_in) for event in told if isinstance(event, WorkerDied)] == [
        (7, 0.5),
        (7, 1.0),
        (7, 2.0),
    ]
    longest = PAUSES
    for _ in range(20):
        longest = longest.failed()
    assert longest.delay() == 30


async def test_one_that_dies_later_is_replaced() -> None:
    """The others stay."""
    async with crew(2, SERVES) as it:
        one, other = it.crew
        one.kill()
        died = await it.told.get()
        assert isinstance(died, WorkerDied)
        assert (died.pid, died.code, died.restart_in) == (one.pid, -9, 0.5)
        while len(pids := it.pids()) < 2:  # noqa: ASYNC110  nobody tells that a worker has come
            await asyncio.sleep(0)
        assert other.pid in pids


async def test_where_a_new_one_does_not_start_the_old_ones_stay() -> None:
    """None is told to go, and none is started again for the order that failed, so no death is told either."""
    async with crew(2, SERVES) as it:
        before = it.pids()
        it.program = DIES
        assert not await it.crew.replace(ORDER)
        assert it.pids() == before
        it.program = SERVES
        assert await it.crew.replace(ORDER)
        await it.crew.relieved()
        assert len(it.pids()) == 2
        assert not set(it.pids()) & set(before)
        assert it.told.empty()
