"""Lock files: one holder, none left behind, none that blocks when its holder is dead or hangs."""

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from proxy.tokens.store.flock import Flock, taken

OVERDUE = 60.0


def held(path: Path) -> Flock:
    """Return the lock, which is free."""
    lock = taken(path, OVERDUE)
    assert lock is not None
    return lock


def test_one_holds_it_at_a_time_and_leaves_nothing(tmp_path: Path) -> None:
    """The second gets none until the first has let go; then there is no file any more."""
    path = tmp_path / "lock"
    lock = held(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert taken(path, OVERDUE) is None
    lock.release()
    assert list(tmp_path.iterdir()) == []
    held(path).release()


def test_a_file_that_a_killed_holder_left_is_no_obstacle(tmp_path: Path) -> None:
    """However old it is: the kernel has let go of it."""
    path = tmp_path / "lock"
    path.touch()
    os.utime(path, (0, 0))
    lock = held(path)
    assert taken(path, OVERDUE) is None
    assert lock.ours
    lock.release()


async def test_a_holder_that_is_killed_lets_go(tmp_path: Path) -> None:
    """A real process, a real SIGKILL: the lock is free at once."""
    path = tmp_path / "lock"
    code = (
        "import sys, pathlib; from proxy.tokens.store.flock import taken\n"
        "lock = taken(pathlib.Path(sys.argv[1]), 60); print(lock is not None, flush=True); sys.stdin.read()"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, path, stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"True\n"
    assert taken(path, OVERDUE) is None
    process.kill()
    await process.communicate()
    held(path).release()
    assert list(tmp_path.iterdir()) == []


def test_one_that_is_held_for_too_long_is_taken_away(tmp_path: Path) -> None:
    """A holder that hangs loses it, knows that, and takes nothing of the next one's along."""
    path = tmp_path / "lock"
    stuck = held(path)
    os.utime(path, (0, 0))
    assert taken(path, OVERDUE) is None
    lock = held(path)
    assert (stuck.ours, lock.ours) == (False, True)
    stuck.release()
    assert lock.ours
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_taken_away_locks_nothing(tmp_path: Path) -> None:
    """Whoever removes it by hand frees the lock."""
    path = tmp_path / "lock"
    lock = held(path)
    path.unlink()
    assert not lock.ours
    held(path).release()
    lock.release()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Nobody is led to write elsewhere."""
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        taken(tmp_path / "lock", OVERDUE)
    assert not (tmp_path / "elsewhere").exists()


def test_of_many_at_once_one_at_a_time_holds_it(tmp_path: Path) -> None:
    """Four threads, two hundred turns: whoever holds it is alone."""
    path, inside, turns = tmp_path / "lock", [], []

    def turn() -> None:
        while (lock := taken(path, OVERDUE)) is None:
            pass
        inside.append(1)
        turns.append(len(inside))
        inside.pop()
        lock.release()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(turn) for _ in range(200)]:
            done.result()
    assert turns == [1] * 200
