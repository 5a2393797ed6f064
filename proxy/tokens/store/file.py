"""The store in a file: one JSON object, replaced as a whole, readable by its owner alone."""

import asyncio
import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from proxy.errors import StoreDamaged, StoreError
from proxy.tokens.store import Kept
from proxy.tokens.store.flock import Flock, taken

# A write takes milliseconds. Others are waited for this long, looked at this often, and thought dead after that, in s.
WRITE_WAIT, WRITE_POLL, WRITE_OVERDUE = 1.0, 0.005, 10.0
# What a login may take beyond its time, to give the lock back.
MARGIN = 5.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """What lies under a name, and when it may go, in seconds since the epoch."""

    sealed: str = field(repr=False)
    until: float

    def __post_init__(self) -> None:
        if not isinstance(self.sealed, str) or not self.sealed.isascii() or not isinstance(self.until, int | float):
            raise ValueError("an entry holds other kinds of values")


class FileStore:
    """Keeps entries in a file. Its work is done in a thread of its own: a disk that hangs holds up nobody else."""

    def __init__(self, path: str, wall: Callable[[], float] = time.time) -> None:
        self._path = Path(os.path.realpath(path))  # a link stays one: what it leads to is replaced
        self._wall = wall
        self._thread = ThreadPoolExecutor(1, "iam-proxy-store")

    async def read(self, name: str) -> Kept | None:
        """Return what lies under a name; how long it is good for stands in what is sealed."""
        entry = (await self._apart(self._entries)).get(name)
        return None if entry is None or entry.until <= self._wall() else Kept(entry.sealed.encode(), None)

    async def lock(self, name: str, within: float) -> "FileLock | None":
        """Return the lock of a name, a file beside the store's whose name tells nothing; None while another has it."""
        path = self._path.with_name(f".{self._path.name}.{name}.lock")
        found = await self._apart(partial(taken, path, within + MARGIN), _let_go)
        return None if found is None else FileLock(self, found)

    async def close(self) -> None:
        """Let the thread end, behind what it has to do."""
        self._thread.shutdown(wait=False)

    async def put(self, lock: Flock, name: str, sealed: bytes, life: float) -> None:
        """Keep an entry for `life` seconds, if the lock is still held."""
        entry = Entry(sealed.decode(), self._wall() + life)
        await self._apart(lambda: self._replace(name, entry) if lock.ours else None)

    async def release(self, lock: Flock) -> None:
        """Let go of a lock."""
        await self._apart(lock.release)

    # --- in the thread
    def _entries(self) -> dict[str, Entry]:
        try:
            return {name: Entry(**each) for name, each in json.loads(self._path.read_bytes())["entries"].items()}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise StoreDamaged(f"{self._path} is damaged or no token store; the next login replaces it") from None

    def _replace(self, name: str, entry: Entry) -> None:
        """Write the entries anew with this one, without those whose time is over."""
        with self._writing():
            try:
                entries = self._entries()
            except StoreDamaged:
                entries = {}
            now = self._wall()
            kept = {each: asdict(other) for each, other in entries.items() if other.until > now}
            _replaced(self._path, json.dumps({"entries": kept | {name: asdict(entry)}}, indent=1).encode())

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the short lock under which the file is read and replaced."""
        path = self._path.with_name(f".{self._path.name}.lock")
        end = time.monotonic() + WRITE_WAIT
        while (lock := taken(path, WRITE_OVERDUE)) is None:
            if time.monotonic() > end:
                raise StoreError(f"{path} is locked by another process")
            time.sleep(WRITE_POLL)
        try:
            yield
        finally:
            lock.release()

    async def _apart(self, call: Callable[[], T], undo: Callable[[T], object] = lambda _: None) -> T:
        """Return what a call in the thread returns; it runs even if the wait is cancelled, and is then undone there."""
        try:
            running = self._thread.submit(call)
        except RuntimeError:
            raise StoreError("the store has been closed") from None
        try:
            return await asyncio.shield(asyncio.wrap_future(running))
        except asyncio.CancelledError:
            running.add_done_callback(partial(_undone, undo))
            raise
        except OSError as error:
            raise StoreError(f"{error.filename or self._path}: {error.strerror}") from None


class FileLock:
    """The lock of a name, held."""

    def __init__(self, store: FileStore, lock: Flock) -> None:
        self._store = store
        self._lock = lock

    async def put(self, name: str, sealed: bytes, life: float) -> None:
        """Keep bytes under a name for `life` seconds, if the lock is still held."""
        await self._store.put(self._lock, name, sealed, life)

    async def release(self) -> None:
        """Give the lock back."""
        await self._store.release(self._lock)


def _let_go(lock: Flock | None) -> None:
    if lock is not None:
        lock.release()


def _undone(undo: Callable[[T], object], ended: "Future[T]") -> None:
    """Undo what a call has done that nobody waits for any more."""
    if not ended.cancelled() and ended.exception() is None:
        with contextlib.suppress(OSError):
            undo(ended.result())


def _replaced(path: Path, data: bytes) -> None:
    """Replace a file as a whole, or not at all. The new one is readable by its owner alone."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
