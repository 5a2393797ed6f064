"""The store in a file: whole, its owner's alone, and of no use rather than in the way."""

import asyncio
import contextlib
import json
import os
import resource
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from proxy.errors import StoreDamaged, StoreError
from proxy.tokens.store.file import FileStore
from proxy.tokens.store.flock import taken
from tests.fakes.store import locked, put

NOBODY = 65534


@dataclass
class Wall:
    """A wall clock that a test moves."""

    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        """Return the seconds since the epoch."""
        return self.now


@contextlib.asynccontextmanager
async def store(path: Path, wall: Wall | None = None) -> AsyncIterator[FileStore]:
    """Open a store, closed at the end."""
    made = FileStore(str(path), wall or Wall())
    try:
        yield made
    finally:
        await made.close()


async def read(made: FileStore, name: str) -> bytes | None:
    """Return the bytes under a name."""
    kept = await made.read(name)
    if kept is None:
        return None
    assert kept.left is None
    return kept.sealed


async def test_what_is_kept_is_read_by_another_and_the_file_is_its_owner_s(tmp_path: Path) -> None:
    """Mode 0600, nothing else left in the folder."""
    path = tmp_path / "tokens.json"
    async with store(path) as one, store(path) as other:
        assert await read(one, "a") is None
        await put(one, "a", b"first")
        await put(other, "b", b"second")
        await put(one, "a", b"third")
        assert [await read(other, name) for name in "abc"] == [b"third", b"second", None]
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


async def test_what_is_over_is_not_read_and_goes_with_the_next_write(tmp_path: Path) -> None:
    """The file grows with what is live, not with what ever was."""
    path, wall = tmp_path / "tokens.json", Wall()
    async with store(path, wall) as made:
        await put(made, "a", b"first", 100.0)
        await put(made, "b", b"second", 200.0)
        wall.now += 100.0
        assert await read(made, "a") is None
        await put(made, "c", b"third")
        assert sorted(json.loads(path.read_bytes())["entries"]) == ["b", "c"]


DAMAGED = [
    b"",
    b"{",
    b"\xff\xfe",
    b"[]",
    b"3",
    b"{}",
    b'{"entries": []}',
    b'{"entries": {"a": 1}}',
    b'{"entries": {"a": {"sealed": 1, "until": 9e9}}}',
    b'{"entries": {"a": {"sealed": "x", "until": "soon"}}}',
    b'{"entries": {"a": {"sealed": "\xc3\xa9", "until": 9e9}}}',
    b'{"entries": {"a": {"until": 9e9}}}',
    b"[" * 100_000,
    os.urandom(1000),
]


@pytest.mark.parametrize("data", DAMAGED, ids=range(len(DAMAGED)))
async def test_a_damaged_file_is_told_and_replaced_by_the_next_write(data: bytes, tmp_path: Path) -> None:
    """As good as none."""
    path = tmp_path / "tokens.json"
    path.write_bytes(data)
    async with store(path) as made:
        with pytest.raises(StoreDamaged, match=r"tokens\.json is damaged"):
            await made.read("a")
        await put(made, "a", b"first")
        assert await read(made, "a") == b"first"


async def test_a_link_stays_one(tmp_path: Path) -> None:
    """What it leads to is replaced."""
    (tmp_path / "link.json").symlink_to(tmp_path / "tokens.json")
    async with store(tmp_path / "link.json") as made:
        await put(made, "a", b"first")
    assert (tmp_path / "link.json").is_symlink()
    assert b"first" in (tmp_path / "tokens.json").read_bytes()


async def test_a_folder_that_is_missing_is_said(tmp_path: Path) -> None:
    """There is nothing to read, and no lock to be had."""
    async with store(tmp_path / "no" / "tokens.json") as made:
        assert await read(made, "a") is None
        with pytest.raises(StoreError, match=r"tokens\.json\.a\.lock: No such file"):
            await made.lock("a", 10.0)


@pytest.mark.parametrize(("place", "words"), [("file/tokens.json", "Not a directory"), ("", "Is a directory")])
async def test_places_that_cannot_be_read_are_said(place: str, words: str, tmp_path: Path) -> None:
    """A file where a folder belongs, a folder where a file belongs."""
    (tmp_path / "file").touch()
    async with store(tmp_path / place) as made:
        with pytest.raises(StoreError, match=words):
            await made.read("a")


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    """Be nobody in particular, for root may write anywhere."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@contextlib.contextmanager
def folder_for_all() -> Iterator[Path]:
    """Make a folder that everybody can enter, gone at the end."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


async def test_a_read_only_folder_is_read_and_said(tmp_path: Path) -> None:
    """What lies there serves; where nothing may be written there is no lock, and so no wait for one."""
    del tmp_path
    with folder_for_all() as folder:
        path = folder / "tokens.json"
        async with store(path) as made:
            await put(made, "a", b"first")
        path.chmod(0o644)
        folder.chmod(0o555)
        with nobody():
            async with store(path) as made:
                assert await read(made, "a") == b"first"
                with pytest.raises(StoreError, match=r"tokens\.json\.a\.lock: Permission denied"):
                    await made.lock("a", 10.0)


@contextlib.contextmanager
def no_room() -> Iterator[None]:
    """Let no file of this process grow: what a full disk does, by the kernel's own hand."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """Not half of it, and no half-written one beside it."""
    path = tmp_path / "tokens.json"
    async with store(path) as made:
        await put(made, "a", b"first")
        with no_room(), pytest.raises(StoreError, match="File too large"):
            await put(made, "a", b"second")
        assert await read(made, "a") == b"first"
    assert list(tmp_path.iterdir()) == [path]


async def test_the_lock_of_a_name_is_one_s_alone(tmp_path: Path) -> None:
    """Within a process as between two; its file's name is the entry's, which tells nothing."""
    path = tmp_path / "tokens.json"
    async with store(path) as one, store(path) as other:
        async with locked(one, "a"):
            assert await other.lock("a", 10.0) is None
            assert await one.lock("a", 10.0) is None
            assert [each.name for each in tmp_path.iterdir()] == [".tokens.json.a.lock"]
            async with locked(other, "b"):
                pass
        async with locked(other, "a"):
            pass
    assert list(tmp_path.iterdir()) == []


async def test_a_lock_that_was_lost_writes_nothing(tmp_path: Path) -> None:
    """Its holder was stopped for too long: another's token lies there."""
    path = tmp_path / "tokens.json"
    async with store(path) as one, store(path) as other, locked(one, "a") as lost:
        (tmp_path / ".tokens.json.a.lock").unlink()
        await put(other, "a", b"newer")
        await lost.put("a", b"older", 100.0)
        assert await read(one, "a") == b"newer"


async def test_a_lock_that_nobody_waits_for_any_more_is_given_back(tmp_path: Path) -> None:
    """Cancelled at whatever moment, it is free for the next one."""
    path = tmp_path / "tokens.json"
    async with store(path) as one:
        for turns in range(6):
            asked = asyncio.create_task(one.lock("a", 10.0))
            for _ in range(turns):
                await asyncio.sleep(0)
            if not asked.cancel() and (lock := asked.result()) is not None:
                await lock.release()
            await asyncio.wait([asked])
            async with locked(one, "a"):
                pass


async def test_many_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    """Four stores, forty entries: each read, replaced and written under the short lock."""
    path = tmp_path / "tokens.json"
    async with contextlib.AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(store(path)) for _ in range(4)]
        await asyncio.gather(*(put(stores[number % 4], f"n{number}", b"%d" % number) for number in range(40)))
        assert [await read(stores[0], f"n{number}") for number in range(40)] == [b"%d" % n for n in range(40)]
    assert list(tmp_path.iterdir()) == [path]


async def test_another_that_writes_for_too_long_is_said(tmp_path: Path) -> None:
    """A stopped process holds the short lock: the write is given up."""
    path = tmp_path / "tokens.json"
    writing = taken(tmp_path / ".tokens.json.lock", 60.0)
    assert writing is not None
    async with store(path) as made:
        with pytest.raises(StoreError, match="is locked by another process"):
            await put(made, "a", b"first")
    writing.release()


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    """Nothing hangs on a thread that has ended."""
    async with store(tmp_path / "tokens.json") as made:
        pass
    with pytest.raises(StoreError, match="has been closed"):
        await made.read("a")
