"""A descriptor that may be full, slow or gone: lines arrive whole, and what is lost is counted."""

import fcntl
import os
import resource
import select
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.log.outlet import UNIT, Outlet
from tests.log.pipes import pipe

LINE = b"x" * 99 + b"\n"
CAPACITY = 64 * 1024


def test_lines_are_written_as_they_are() -> None:
    """In order, with those longer than any piece."""
    long = b"y" * (UNIT + 10) + b"\n"
    with pipe() as end:
        assert Outlet(end.writing).write(LINE * 3 + long + LINE) == 0
        assert end.read_all() == LINE * 3 + long + LINE


def test_a_full_pipe_holds_no_part_of_a_line() -> None:
    """Whoever reads while the writer waits finds whole lines: it waits between them."""
    with pipe() as end:
        end.fill(CAPACITY - 2 * select.PIPE_BUF)
        writer = threading.Thread(target=Outlet(end.writing).write, args=(LINE * 2000,))
        writer.start()
        seen = b""
        while seen.count(LINE) < 1000:
            piece = end.read(CAPACITY)
            assert piece.endswith(b"\n")
            seen += piece
        while seen.count(LINE) < 2000:
            seen += end.read()
        writer.join()
        assert seen.partition(b"\n")[2] == LINE * 2000


def test_an_empty_pipe_takes_much_at_once() -> None:
    """Each write costs the loop some time."""
    with pipe() as end:
        outlet = Outlet(end.writing)
        assert outlet._room() == UNIT
        outlet.write(LINE)
        assert outlet._room() == select.PIPE_BUF
        fcntl.fcntl(end.writing, fcntl.F_SETPIPE_SZ, 4096)
        end.read()
        assert outlet._room() == 4096


def test_a_descriptor_that_others_made_non_blocking() -> None:
    """It is waited for all the same, and stays as they made it."""
    with pipe() as end:
        os.set_blocking(end.writing, False)
        writer = threading.Thread(target=Outlet(end.writing).write, args=(LINE * 5000,))
        writer.start()
        seen = b""
        while len(seen) < 5000 * len(LINE):
            seen += end.read()
        writer.join()
        assert seen == LINE * 5000
        assert not os.get_blocking(end.writing)


def test_a_reader_that_is_gone() -> None:
    """Every line is lost, and said so; nothing is raised."""
    with pipe() as end:
        outlet = Outlet(end.writing)
        end.deafen()
        assert [outlet.write(LINE * 7), outlet.write(LINE)] == [7, 1]


@pytest.fixture
def bounded() -> Iterator[int]:
    """Let no file of this process grow beyond a size: writes there end as on a full disk, with a part and an error."""
    size = 1050
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield size
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def test_a_line_that_was_cut_goes_on_where_it_ended(bounded: int, tmp_path: Path) -> None:
    """The disk is full in the middle of a line: with room again comes its rest, then what is next."""
    lines = [b"%099d\n" % number for number in range(20)]
    with (tmp_path / "log").open("ab", buffering=0) as file:
        outlet = Outlet(file.fileno())
        assert outlet.write(b"".join(lines[:15])) == 4  # ten whole, one in part
        assert (tmp_path / "log").stat().st_size == bounded
        assert outlet.write(lines[15] + lines[16]) == 2
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        assert outlet.write(lines[17]) == 0
    assert (tmp_path / "log").read_bytes() == b"".join([*lines[:11], lines[17]])


def test_a_disk_that_is_full_between_two_lines() -> None:
    """Nothing has begun, so nothing is kept."""
    with Path("/dev/full").open("ab", buffering=0) as full:
        outlet = Outlet(full.fileno())
        assert [outlet.write(LINE * 3), outlet.write(LINE)] == [3, 1]
        assert not outlet._rest
