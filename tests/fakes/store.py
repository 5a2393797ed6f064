"""A shared store in memory, on a clock and with faults that a test hands in; and what tests do with any store."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from proxy.errors import StoreError
from proxy.tokens.store import Kept, Lock, Store
from tests.tokens.clock import FakeClock


@dataclass
class FakeStore:
    """Keeps entries until their time; counts what is left itself if `counts`, as Redis does, else not, as a file.

    `failures` are raised by the call of that name, those that `hangs` names never end, and a closed `gate` makes every
    call wait. `locks` are held.
    """

    clock: FakeClock
    counts: bool = True
    entries: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    locks: dict[str, "FakeLock"] = field(default_factory=dict)
    failures: dict[str, StoreError] = field(default_factory=dict)
    hangs: set[str] = field(default_factory=set)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    reads: int = 0

    def __post_init__(self) -> None:
        self.gate.set()

    async def read(self, name: str) -> Kept | None:
        """Return what lies under a name."""
        self.reads += 1
        await self.turn("read")
        sealed, until = self.entries.get(name, (b"", 0.0))
        left = until - self.clock.time()
        return Kept(sealed, left if self.counts else None) if left > 0 else None

    async def lock(self, name: str, within: float) -> "FakeLock | None":
        """Return the lock, None while another has it."""
        del within
        await self.turn("lock")
        if name in self.locks:
            return None
        self.locks[name] = FakeLock(self, name)
        return self.locks[name]

    async def close(self) -> None:
        """Do nothing."""

    async def turn(self, call: str) -> None:
        """Take a turn of the loop, as a socket would, and fail if the test wants it."""
        await asyncio.sleep(0)
        await (asyncio.Event() if call in self.hangs else self.gate).wait()
        if call in self.failures:
            raise self.failures[call]


@dataclass
class FakeLock:
    """A lock, held until it is released or the test takes it away from its holder."""

    store: FakeStore
    name: str

    async def put(self, name: str, sealed: bytes, life: float) -> None:
        """Keep bytes, if the lock is still held."""
        await self.store.turn("put")
        if self.store.locks.get(self.name) is self:
            self.store.entries[name] = sealed, self.store.clock.time() + life

    async def release(self) -> None:
        """Give the lock back, if it is still held."""
        await self.store.turn("release")
        if self.store.locks.get(self.name) is self:
            del self.store.locks[self.name]


@contextlib.asynccontextmanager
async def locked(store: Store, name: str) -> AsyncIterator[Lock]:
    """Hold the lock of a name, which is free."""
    lock = await store.lock(name, 10.0)
    assert lock is not None
    try:
        yield lock
    finally:
        await lock.release()


async def put(store: Store, name: str, sealed: bytes, life: float = 100.0) -> None:
    """Keep bytes under the lock of their own name."""
    async with locked(store, name) as lock:
        await lock.put(name, sealed, life)
