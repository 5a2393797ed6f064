"""The store as whoever logs in sees it: notes under seal, each call within a time, its troubles told once."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from proxy.core.note import Note, left
from proxy.core.token_events import StoreFailed, StoreRestored, TokenEvent
from proxy.errors import StoreDamaged, StoreError
from proxy.tokens.clock import Clock, deadline
from proxy.tokens.seal import Seal, deriving
from proxy.tokens.store import Lock, Store

# What a store that works needs a hundredth of, even on a busy machine; a login that nobody waits for can spare it.
STORE_TIME = 2.0

T = TypeVar("T")


class Notes:
    """The notes of one credential in a store; `wall` dates them, `clock` counts how long the store may take."""

    def __init__(
        self,
        credential: str,
        store: Store,
        *,
        clock: Clock,
        wall: Callable[[], float],
        on_event: Callable[[TokenEvent], None],
    ) -> None:
        self.wall = wall
        self._credential = credential
        self._store = store
        self._clock = clock
        self._on_event = on_event
        self._trouble = ""
        self._seal: tuple[str, asyncio.Future[Seal]] | None = None

    async def seal(self, key: str, within: float) -> Seal:
        """Return the seal of an identity, derived once. Raises StoreError where that takes too long."""
        if self._seal is None or self._seal[0] != key:
            self._seal = key, deriving(key)
        try:
            return await self._timed(asyncio.shield(self._seal[1]), within)
        except StoreError:
            if self._seal is not None and self._seal[1].done():
                self._seal = None
            raise

    async def read(self, seal: Seal, name: str) -> tuple[Note | None, float]:
        """Return the note under a name and the seconds left to it; what is not ours is as good as none.

        Raises StoreError.
        """
        try:
            kept = await self._timed(self._store.read(name))
            if kept is None:
                return None, 0.0
            note = seal.open(kept.sealed)
        except StoreDamaged as error:
            self.failed(error)
            return None, 0.0
        return note, left(note, kept.left, self.wall())

    async def lock(self, seal: Seal, within: float) -> Lock | None:
        """Return the right to log in for all, None while another has it. Raises StoreError."""
        return await self._timed(self._store.lock(seal.name, within))

    async def release(self, lock: Lock) -> None:
        """Give that right back, also when cancelled meanwhile; where that fails it is free again by itself."""
        released = asyncio.ensure_future(self._timed(lock.release()))
        try:
            with suppress(StoreError):
                await asyncio.shield(released)
        except asyncio.CancelledError:
            await asyncio.wait([released])
            raise

    async def leave(self, lock: Lock, seal: Seal, name: str, note: Note) -> bool:
        """Lay a note into the store for as long as it is good; tell whether the store took it."""
        try:
            await self._timed(lock.put(name, seal.close(note), left(note, None, self.wall())))
        except StoreError as error:
            self.failed(error)
            return False
        return True

    def failed(self, error: StoreError) -> None:
        """Tell that the store is of no use, once for each cause."""
        if self._trouble != str(error):
            self._trouble = str(error)
            self._on_event(StoreFailed(self._credential, self._trouble))

    def well(self) -> None:
        """Take note that the store was of use."""
        if self._trouble:
            self._trouble = ""
            self._on_event(StoreRestored(self._credential))

    async def _timed(self, call: Awaitable[T], within: float = STORE_TIME) -> T:
        try:
            async with deadline(self._clock, within):
                return await call
        except TimeoutError:
            pass
        raise StoreError(f"the store has given no answer within {within:g} s")
