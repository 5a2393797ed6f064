"""Source and login together, over a real socket, on both kinds of loop."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
import uvloop

from proxy.tokens.cache import token_cache
from proxy.tokens.login import Login
from proxy.tokens.reuse import Reuse
from tests.core.secrets import credential
from tests.tokens.login_server import LoginServer, answer, login_server, session

BOTH = pytest.mark.parametrize(
    "loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def source(server: LoginServer) -> Reuse:
    """Return a source that logs in at this server, with the running loop for a clock."""
    loop, described = asyncio.get_running_loop(), replace(credential(server.url), login_timeout=5.0)
    return Reuse(
        Login(described, clock=loop, jitter=lambda: 0.0),
        described,
        clock=loop,
        cache=token_cache(loop),
        random=lambda: 0.0,
        on_event=lambda _event: None,
    )


@BOTH
async def test_500_callers_and_500_refusals_cost_two_requests(loop_factory: LoopFactory) -> None:
    """One for the token, one for the newer one; all callers have the same."""
    del loop_factory
    async with login_server(answer(session("one")), answer(session("two"))) as server:
        reuse = source(server)
        reuse.start()
        first = set(await asyncio.gather(*(reuse.token() for _ in range(500))))
        (dead,) = first
        second = set(await asyncio.gather(*(reuse.renew(dead, number) for number in range(500))))
        await reuse.close()
        assert len(server.asked) == 2
    assert [token.value for token in first | second if token] in (["one", "two"], ["two", "one"])


@BOTH
async def test_the_token_is_refreshed_ahead_by_the_loops_own_timer(loop_factory: LoopFactory) -> None:
    """A token of two seconds is replaced after one and a half, with nobody asking."""
    del loop_factory
    async with login_server(answer(session("short", token_duration=2)), answer(session("next"))) as server:
        reuse = source(server)
        short = await reuse.token()
        server.arrived.clear()
        await server.arrived.wait()
        assert asyncio.get_running_loop().time() == pytest.approx(short.stale_at, abs=0.4)
        next_one = await reuse.refresh()
        await reuse.close()
    assert next_one.value == "next"
