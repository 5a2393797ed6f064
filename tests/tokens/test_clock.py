"""A deadline ends what takes too long, and nothing else."""

import asyncio

import pytest

from proxy.tokens.clock import Clock, deadline
from tests.tokens.clock import FakeClock, settled


async def bounded(clock: Clock, body: asyncio.Future[str]) -> str:
    """Wait for a future, ten seconds at most."""
    async with deadline(clock, 10.0):
        return await body


async def test_what_ends_in_time_is_left_alone() -> None:
    """And its timer is gone."""
    clock, body = FakeClock(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(bounded(clock, body))
    await clock.elapse(9.9)
    body.set_result("done")
    assert await task == "done"
    assert clock.pending == []


async def test_what_takes_longer_ends_with_timeout_error() -> None:
    """At that very second; the task goes on as one that nobody has cancelled."""
    clock, body = FakeClock(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(bounded(clock, body))
    await clock.elapse(9.9)
    assert not task.done()
    await clock.elapse(0.1)
    with pytest.raises(TimeoutError):
        await task
    assert body.cancelled()
    assert task.cancelling() == 0


async def test_a_cancellation_from_outside_stays_one() -> None:
    """It is no timeout, before the deadline or in the same turn."""
    for seconds in (1.0, 10.0):
        clock, body = FakeClock(), asyncio.get_running_loop().create_future()
        task = asyncio.create_task(bounded(clock, body))
        await settled()
        clock.advance(seconds)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert clock.pending == []


def test_a_deadline_needs_a_task() -> None:
    """There is nothing to end in a bare coroutine, and it says so."""
    entering = deadline(FakeClock(), 1.0).__aenter__()
    with pytest.raises(RuntimeError):
        entering.send(None)


async def test_the_loop_is_a_clock() -> None:
    """A deadline on the running loop's own time."""
    with pytest.raises(TimeoutError):
        async with deadline(asyncio.get_running_loop(), 0.0):
            await asyncio.get_running_loop().create_future()
