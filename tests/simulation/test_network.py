"""The simulated loop and network do what the real ones do."""

import asyncio
from random import Random

import pytest

from tests.conftest import LoopFactory
from tests.simulation.line import Line
from tests.simulation.loop import Standstill, VirtualLoop
from tests.simulation.network import GIVES_UP, begin, joined
from tests.simulation.peer import Cut, Peer

pytestmark = pytest.mark.usefixtures("loop_factory")


@pytest.fixture
def loop_factory() -> LoopFactory:
    """Run each test on virtual time."""
    return VirtualLoop


def pair(line: Line | None = None) -> tuple[Peer, Peer]:
    """Return both ends of a connection, in the hands of the test."""
    loop = asyncio.get_running_loop()
    ends = joined(loop, line or Line(Random(1)), ("here", 1), ("there", 2))
    peers = Peer(loop, 0), Peer(loop, 0)
    for end, peer in zip(ends, peers, strict=True):
        begin(end, peer)
    return peers


async def test_time_passes_at_once_and_to_the_point() -> None:
    """A wait takes no time of ours, and ends when it is due."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(asyncio.sleep(15), asyncio.sleep(0.25))
    assert loop.time() == began + 15


def test_waiting_for_nothing_is_noticed() -> None:
    """Where nobody will ever wake anybody, the loop says so instead of standing still."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner, pytest.raises(Standstill):
        runner.get_loop().run_until_complete(runner.get_loop().create_future())


async def test_bytes_arrive_whole_and_in_order_however_they_are_cut() -> None:
    """Small windows, small reads and random delays change nothing but the pieces."""
    here, there = pair(Line(Random(2), latency=0.3, window=100, read=7))
    sent = bytes(range(256)) * 20
    here.send(sent)
    assert await there.exactly(len(sent)) == sent


async def test_a_reader_that_pauses_stops_the_writer() -> None:
    """What the window does not take stays with the sender, and leaves once there is room."""
    here, there = pair(Line(Random(3), window=1000))
    there.end.pause_reading()
    here.send(bytes(5000))
    await asyncio.sleep(10)
    assert here.end.get_write_buffer_size() == 4000
    there.end.resume_reading()
    assert len(await there.exactly(5000)) == 5000
    assert here.end.get_write_buffer_size() == 0


async def test_an_end_leaves_the_other_direction_open() -> None:
    """Who has finished sending can still be answered."""
    here, there = pair()
    here.send(b"asked")
    here.finish()
    await there.gone()
    assert (there.ended, bytes(there.buffer)) == ("end", b"asked")
    there.send(b"answered")
    assert await here.exactly(8) == b"answered"


async def test_closing_with_unread_bytes_resets() -> None:
    """As TCP does: the other side must not believe that it was heard."""
    here, there = pair()
    there.end.pause_reading()
    here.send(b"unheard")
    await asyncio.sleep(1)
    there.close()
    await here.gone()
    assert here.ended == "reset"


async def test_bytes_for_a_closed_end_draw_a_reset() -> None:
    """Who writes to somebody who has left learns of it."""
    here, there = pair()
    there.close()
    await here.gone()
    assert here.ended == "end"
    here.send(b"too late")
    with pytest.raises(Cut):
        await here.exactly(1)
    await asyncio.sleep(1)
    assert here.ended == "reset"


@pytest.mark.parametrize("rough", [True, False])
async def test_a_reset_may_destroy_what_was_not_read(rough: bool) -> None:
    """RFC 9112 §9.6 warns of it; not every kernel does so."""
    here, there = pair(Line(Random(4), rough=rough))
    there.end.pause_reading()
    here.send(b"unread")
    await asyncio.sleep(1)
    here.reset()
    await asyncio.sleep(1)
    there.end.resume_reading()
    await there.gone()
    assert bytes(there.buffer) == (b"" if rough else b"unread")


async def test_silence_is_noticed_by_who_sends() -> None:
    """Nobody is told that the other is gone; what is sent is given up after a while."""
    here, there = pair()
    here.end.vanish()
    await asyncio.sleep(1)
    assert (here.ended, there.ended) == (None, None)
    here.send(b"anybody?")
    await asyncio.sleep(GIVES_UP + 1)
    assert (here.ended, there.ended) == ("reset", None)
    there.reset()
