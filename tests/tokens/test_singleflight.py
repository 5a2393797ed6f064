"""One run for all who wait, and nobody who leaves takes it along."""

import asyncio
import gc

import pytest

from proxy.tokens.singleflight import RunCancelled, SingleFlight
from tests.tokens.clock import settled


class Runs:
    """Runs that end when a test says so; counts those that began."""

    def __init__(self) -> None:
        self.flight: SingleFlight[str] = SingleFlight()
        self.end: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.begun = 0

    async def run(self) -> str:
        """Wait for the end."""
        self.begun += 1
        return await self.end

    async def wait(self) -> str:
        """Join the run in flight, or begin one."""
        self.flight.begin(self.run)
        return await self.flight.join()


async def test_all_who_wait_share_one_run() -> None:
    """500 waiters, one run, one result; the next one who asks begins another."""
    runs = Runs()
    waiters = [asyncio.create_task(runs.wait()) for _ in range(500)]
    await settled()
    runs.end.set_result("token")
    assert await asyncio.gather(*waiters) == ["token"] * 500
    assert runs.begun == 1
    assert not runs.flight.flying
    assert await runs.wait() == "token"
    assert runs.begun == 2


async def test_all_who_wait_share_its_error() -> None:
    """Each of them gets it."""
    runs = Runs()
    waiters = [asyncio.create_task(runs.wait()) for _ in range(5)]
    await settled()
    runs.end.set_exception(LookupError("no"))
    errors = await asyncio.gather(*waiters, return_exceptions=True)
    assert [type(error) for error in errors] == [LookupError] * 5


async def test_one_who_leaves_does_not_end_the_run() -> None:
    """The first one, who began it."""
    runs = Runs()
    first, second = asyncio.create_task(runs.wait()), asyncio.create_task(runs.wait())
    await settled()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    runs.end.set_result("token")
    assert await second == "token"
    assert runs.begun == 1


async def test_the_run_goes_on_when_all_have_left() -> None:
    """And whoever comes back finds it."""
    runs = Runs()
    waiters = [asyncio.create_task(runs.wait()) for _ in range(3)]
    await settled()
    for waiter in waiters:
        waiter.cancel()
    await asyncio.wait(waiters)
    assert runs.flight.flying
    late = asyncio.create_task(runs.wait())
    await settled()
    runs.end.set_result("token")
    assert await late == "token"
    assert runs.begun == 1


async def test_an_error_that_nobody_waits_for_is_retrieved() -> None:
    """No complaint of the loop about an exception that was never retrieved."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
    runs = Runs()
    waiter = asyncio.create_task(runs.wait())
    await settled()
    waiter.cancel()
    await settled()
    runs.end.set_exception(LookupError("no"))
    await settled()
    del runs, waiter
    gc.collect()
    assert complaints == []


async def test_close_ends_the_run_and_tells_those_who_wait() -> None:
    """They were not cancelled, so they get an error of ours; no task is left."""
    runs = Runs()
    waiters = [asyncio.create_task(runs.wait()) for _ in range(3)]
    await settled()
    await runs.flight.close()
    assert not runs.flight.flying
    errors = await asyncio.gather(*waiters, return_exceptions=True)
    assert [type(error) for error in errors] == [RunCancelled] * 3
    assert runs.end.cancelled()


async def test_a_waiter_cancelled_while_closing_is_cancelled() -> None:
    """Its own cancellation is not taken for the run's."""
    runs = Runs()
    waiter = asyncio.create_task(runs.wait())
    await settled()
    waiter.cancel()
    await runs.flight.close()
    with pytest.raises(asyncio.CancelledError):
        await waiter


@pytest.mark.parametrize("turns", range(6))
async def test_a_waiter_cancelled_after_the_run_is_cancelled_too(turns: int) -> None:
    """Whichever comes first by a turn of the loop: whoever was cancelled in time never goes on."""
    runs = Runs()
    waiter = asyncio.create_task(runs.wait())
    await settled()
    closing = asyncio.create_task(runs.flight.close())
    for _ in range(turns):
        await asyncio.sleep(0)
    in_time = waiter.cancel()
    (result,) = await asyncio.gather(waiter, return_exceptions=True)
    await closing
    assert isinstance(result, asyncio.CancelledError if in_time else RunCancelled)


async def test_close_without_a_run_does_nothing() -> None:
    """And there is nothing to join."""
    flight: SingleFlight[str] = SingleFlight()
    await flight.close()
    with pytest.raises(RuntimeError):
        await flight.join()
