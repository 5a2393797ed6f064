"""The thread behind the log: a reader that is slow, or gone, holds up nobody, and is told what is missing."""

import io
import os
import threading
from collections.abc import Iterator

import pytest

from proxy.log.outlet import Outlet
from proxy.log.writer import BOUND, Direct, Gathering, writer
from tests.log.pipes import Pipe, pipe

LINE = "x" * 999 + "\n"


def gap(count: int) -> str:
    """Return the line that tells how many are missing."""
    return f"{count} missing\n"


@pytest.fixture
def end() -> Iterator[Pipe]:
    """A pipe that nobody reads yet."""
    with pipe() as both:
        yield both


def gathering(end: Pipe) -> Gathering:
    """Return a writer to a pipe."""
    return Gathering(Outlet(end.writing), gap)


def test_lines_come_in_order_and_flush_waits_for_them(end: Pipe) -> None:
    """What was written before is there behind it."""
    out = gathering(end)
    for number in range(1000):
        out.write(f"{number}\n")
    out.flush()
    assert end.read().split() == [str(number).encode() for number in range(1000)]
    out.write("more\n")
    out.close()
    assert end.read() == b"more\n"


def test_lines_come_without_a_flush(end: Pipe) -> None:
    """They wait for others for a moment, no longer."""
    out = gathering(end)
    out.write("one\n")
    assert end.read() == b"one\n"
    out.close()


def test_a_full_pipe_leaves_a_gap_that_is_counted_and_told(end: Pipe) -> None:
    """Nobody waits; memory is bounded; where lines are missing one line says how many, to the line."""
    out = gathering(end)
    many = 3 * BOUND // len(LINE)
    for number in range(many):
        out.write(f"{number:08d}{LINE}")
    assert out.dropped > many // 2
    assert out._size <= BOUND + 2 * len(LINE)
    dropped = out.dropped
    lines: list[bytes] = []
    missing = 0
    while missing < dropped:  # the thread may have begun late, and told of those that were missing by then
        *more, gap = end.read_lines(until=b"missing")
        lines += more
        missing += int(gap.removesuffix(b" missing\n"))
    assert missing == dropped
    assert [int(line[:8]) for line in lines] == list(range(many - dropped))
    out.write("after\n")
    out.flush()
    assert end.read() == b"after\n"
    out.close()
    assert out.dropped == dropped


def test_behind_a_gap_nothing_slips_in(end: Pipe) -> None:
    """A short line that would find room is dropped with the long ones before it: the gap has one place."""
    out = gathering(end)
    out.write(LINE)
    while out._size:
        pass
    out.write("a" * 100_000 + "\n")  # keeps the thread, and more than the pipe
    while out._lines:
        pass
    out.write("b" * BOUND + "\n")
    out.write("c\n")
    out.write("d\n")
    assert out.dropped == 2
    lines = end.read_lines(until=b"missing")
    assert [line[:1] for line in lines] == [b"x", b"a", b"b", b"2"]
    out.close()


def test_the_end_does_not_wait_for_a_reader_for_ever(end: Pipe) -> None:
    """A pipe that nobody reads keeps the thread, not the process; what it holds are whole lines."""
    out = gathering(end)
    for _ in range(1000):
        out.write(LINE)
    out.flush(0.01)
    out.close()
    assert out._thread.is_alive()
    seen = 0
    while seen < 1000:
        piece = end.read()
        assert piece.endswith(b"\n")
        seen += piece.count(b"\n")
    out._thread.join()


def test_a_reader_that_is_gone_ends_nobody(end: Pipe) -> None:
    """Lines are counted as lost; with another reader they come again, behind the gap."""
    out = gathering(end)
    end.deafen()
    for _ in range(3):
        out.write(LINE)
        out.flush()
    assert out.dropped == 3
    end.reading, writing = os.pipe()
    os.dup2(writing, end.writing)
    os.close(writing)
    out.write("again\n")
    out.close()
    assert end.read() == b"3 missing\nagain\n"


def test_a_gap_at_the_very_end_is_told(end: Pipe) -> None:
    """Also where no line comes behind it."""
    out = gathering(end)
    keep = os.dup(end.writing)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, end.writing)
    out.write(LINE)
    out.flush()
    os.dup2(keep, end.writing)
    out.close()
    os.close(keep)
    os.close(full)
    assert end.read() == b"1 missing\n"


def test_many_threads_may_write(end: Pipe) -> None:
    """No line is lost between them, and each is whole."""
    out = gathering(end)

    def some(name: str) -> None:
        for number in range(500):
            out.write(f"{name} {number}\n")

    threads = [threading.Thread(target=some, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    out.close()
    lines = end.read_all().splitlines()
    assert sorted(lines) == sorted(f"{name} {number}".encode() for name in "abcd" for number in range(500))


def test_streams_without_a_descriptor() -> None:
    """One in memory is written to at once; what is closed loses lines, and ends nobody."""
    stream = io.StringIO()
    out = writer(stream, gap)
    assert isinstance(out, Direct)
    out.write("one\n")
    assert stream.getvalue() == "one\n"
    stream.close()
    out.write("two\n")
    out.flush()
    out.close()
    assert out.dropped == 1
