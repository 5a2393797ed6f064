"""Wherever a cancellation strikes, the others get their token and the state stays whole."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from proxy.core.token import Token
from tests.tokens.clock import settled
from tests.tokens.issuer import Rig, rig, running

Call = Callable[[Rig], Awaitable[Token | None]]

CALLS: dict[str, Call] = {
    "token": lambda it: it.reuse.token(),
    "fresh": lambda it: it.reuse.fresh(),
    "refresh": lambda it: it.reuse.refresh(),
    "renew": lambda it: it.reuse.renew(it.issuer.issued[0], "a"),
}


async def call(it: Rig, name: str) -> Token | None:
    """Make one of the calls."""
    return await CALLS[name](it)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("turns", range(8))
async def test_a_caller_who_leaves_takes_nothing_along(name: str, turns: int) -> None:
    """At whatever turn of the loop: one login, its token for all the others and for whoever comes later."""
    async with running() as it:
        it.clock._now += 100.0 if name == "token" else 80.0
        leaver = asyncio.create_task(call(it, name))
        stayer = asyncio.create_task(call(it, name))
        for _ in range(turns):
            await asyncio.sleep(0)
        leaver.cancel()
        (left,) = await asyncio.gather(leaver, return_exceptions=True)
        assert isinstance(left, asyncio.CancelledError | Token)
        assert await stayer is it.issuer.issued[1]
        assert it.logins == 2
        assert it.reuse.current() is it.issuer.issued[1]


@pytest.mark.parametrize("name", CALLS)
async def test_the_login_goes_on_when_all_callers_have_left(name: str) -> None:
    """Its token is there for the next one, and the timer goes on."""
    async with running() as it:
        it.clock._now += 100.0 if name == "token" else 80.0
        it.issuer.gate.clear()
        callers = [asyncio.create_task(call(it, name)) for _ in range(50)]
        await settled()
        for caller in callers:
            caller.cancel()
        await asyncio.wait(callers)
        it.issuer.gate.set()
        await settled()
        assert it.reuse.current() is it.issuer.issued[1]
        assert it.logins == 2
        await it.clock.elapse(75.0)
        assert it.logins == 3


@pytest.mark.parametrize("turns", range(8))
@pytest.mark.parametrize("prepare", ["start", "stale", "refused"])
async def test_close_may_come_at_any_turn_of_a_login(prepare: str, turns: int) -> None:
    """No task, no timer, no login afterwards."""
    it = rig()
    it.reuse.start()
    if prepare != "start":
        await settled()
        it.clock.advance(75.0) if prepare == "stale" else it.reuse.invalidate(it.issuer.issued[0], "a")
    for _ in range(turns):
        await asyncio.sleep(0)
    await it.reuse.close()
    assert it.clock.pending == []
    assert it.issuer.flying == 0
    logins = it.logins
    await it.clock.elapse(1000.0)
    assert it.logins == logins


async def test_a_close_that_is_cancelled_has_closed_all_the_same() -> None:
    """The login ends, and no further one begins."""
    it = rig()
    it.issuer.gate.clear()
    it.reuse.start()
    await settled()
    closing = asyncio.create_task(it.reuse.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    await settled()
    assert it.issuer.flying == 0
    assert it.clock.pending == []
