"""Sliding lifetimes, the oldest that a token may get, and clocks that jump."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from proxy.core.token import Phase, Token
from proxy.tokens.cache import token_cache
from proxy.tokens.reuse import Reuse
from tests.tokens.clock import FakeClock, settled
from tests.tokens.issuer import CREDENTIAL, FakeIssuer, Rig, rig, running

AGE = 1000.0


class Sliding(FakeIssuer):
    """Issues tokens of 100 s from their last use, of 1,000 s at most."""

    def token(self, sent_at: float) -> Token:
        """Return a token that slides."""
        made = Token.issued(f"token-{len(self.logins)}", sent_at, 100.0, 0.0, max_age=AGE)
        made.slides = 100.0
        return made


@asynccontextmanager
async def sliding() -> AsyncIterator[Rig]:
    """Start a source of sliding tokens."""
    clock = FakeClock()
    cache, issuer, described = token_cache(clock), Sliding(clock), replace(CREDENTIAL, sliding=True)
    reuse = Reuse(issuer, described, clock=clock, cache=cache, random=lambda: 0.0, on_event=lambda _: None)
    reuse.start()
    await settled()
    yield Rig(clock, issuer, cache, reuse, [])
    await reuse.close()
    assert clock.pending == []


async def test_each_accepted_use_extends_the_life() -> None:
    """From the moment that the request was sent; a session in use needs no login until its greatest age draws near."""
    async with sliding() as it:
        assert it.reuse.listening
        for _ in range(14):
            token = it.reuse.current()
            assert token is it.issuer.issued[0]
            it.reuse.accepted(token, "a", it.clock.time())
            assert token.expires_at == it.clock.time() + 100.0
            await it.clock.elapse(50.0)
        assert it.logins == 1
        await it.clock.elapse(50.0)  # three quarters of 1,000 s
        assert it.logins == 2


async def test_without_use_it_is_refreshed_ahead() -> None:
    """The timer looks again at what has been extended, and logs in when that is due."""
    async with sliding() as it:
        await it.clock.elapse(70.0)
        token = it.reuse.current()
        assert token is not None
        it.reuse.accepted(token, "a", it.clock.time() - 1.0)
        assert token.expires_at == 1000.0 + 69.0 + 100.0
        await it.clock.elapse(73.0)
        assert it.logins == 1
        await it.clock.elapse(1.0)
        assert it.logins == 2


def test_a_late_word_of_an_earlier_use_takes_nothing_away() -> None:
    """A slow answer tells of a request that was sent long ago."""
    token = Token.issued("abc", 0.0, 100.0, 0.0, max_age=AGE)
    token.slides = 100.0
    token.used(50.0)
    token.used(20.0)
    assert (token.stale_at, token.expires_at) == (125.0, 150.0)


def test_no_use_extends_a_life_beyond_its_greatest_age() -> None:
    """Nor the first part of it, in which it is fresh."""
    token = Token.issued("abc", 0.0, 100.0, 0.0, max_age=AGE)
    token.slides = 100.0
    for second in range(0, 990, 10):
        token.used(float(second))
    assert (token.stale_at, token.expires_at) == (750.0, 1000.0)
    assert token.phase(999.0) is Phase.STALE
    assert token.phase(1000.0) is Phase.EXPIRED


def test_a_token_that_does_not_slide_is_not_extended() -> None:
    """Whatever accepts it."""
    token = Token.issued("abc", 0.0, 100.0, 0.0)
    token.used(50.0)
    assert (token.stale_at, token.expires_at) == (75.0, 100.0)


def test_no_token_is_older_than_its_greatest_age() -> None:
    """Whatever the platform says."""
    token = Token.issued("abc", 10.0, 1e6, 0.0, max_age=AGE)
    assert (token.stale_at, token.expires_at) == (760.0, 1010.0)


@pytest.mark.parametrize(
    ("lifetime", "took", "stale_after"),
    [(3600.0, 1.0, 2700.0), (3.0, 1.0, 1.5), (3.0, 0.1, 2.25), (2.0, 1.0, 1.0), (10.0, 4.0, 4.0)],
)
def test_a_refresh_leaves_time_for_the_login(lifetime: float, took: float, stale_after: float) -> None:
    """Half as long again as the last one took; and a token is fresh at least until it comes."""
    assert Token.issued("abc", 0.0, lifetime, 0.0, took=took).stale_at == pytest.approx(stale_after)


@pytest.mark.no_cover  # shown by the others; half a million turns of the loop
async def test_tokens_of_3_s_whose_logins_take_1_s_are_never_missed() -> None:
    """A minute under 100 requests a second: each finds a live token at once."""
    async with running(settle=False) as it:
        it.issuer.lifetime, it.issuer.takes = 3.0, 1.0
        await it.clock.elapse(1.0)
        for _ in range(6000):
            token = it.reuse.current()
            assert token is not None
            assert token.phase(it.clock.time()) is not Phase.EXPIRED
            await it.clock.elapse(0.01)
        assert it.logins <= 45  # one in a second and a half, and the budget allows one in a second


# --- clocks that jump
async def test_a_jump_of_the_clock_makes_a_token_stale() -> None:
    """It is used on while a login begins; a body that cannot be sent twice waits for that login."""
    async with running() as it:
        await it.clock.elapse(10.0)
        it.issuer.gate.clear()
        it.reuse.distrust(it.clock.time())
        assert it.reuse.current() is it.issuer.issued[0]
        await settled()
        assert it.logins == 2
        it.issuer.gate.set()
        assert await it.reuse.fresh() is it.issuer.issued[1]


async def test_a_token_from_after_the_jump_is_spared() -> None:
    """A request may have found its token dead, and a new one in its place, before the clocks were looked at."""
    async with running() as it:
        await it.clock.elapse(10.0)
        it.reuse.distrust(since=999.0)
        await it.clock.elapse(10.0)
        assert it.logins == 1


async def test_many_credentials_do_not_log_in_all_at_once_after_a_jump() -> None:
    """Each at its own moment, unless a request needs it sooner."""
    made = rig(random=0.5)
    made.reuse.start()
    await settled()
    made.reuse.distrust(made.clock.time() + 1.0, within=10.0)
    await made.clock.elapse(4.9)
    assert made.logins == 1
    await made.clock.elapse(0.1)
    assert made.logins == 2
    await made.reuse.close()


async def test_a_jump_without_a_token_changes_nothing() -> None:
    """What is not there cannot be stale."""
    made = rig()
    made.reuse.distrust(made.clock.time())
    assert (made.logins, made.clock.pending) == (0, [])
    await made.reuse.close()


# --- starting many
async def test_a_first_login_has_its_own_moment() -> None:
    """Spread over the time that is given, and refreshes are not."""
    made = rig(random=0.5)
    made.reuse.start(within=10.0)
    await made.clock.elapse(4.9)
    assert made.logins == 0
    await made.clock.elapse(0.1)
    assert made.logins == 1
    await made.reuse.close()


async def test_a_request_does_not_wait_for_that_moment() -> None:
    """It begins the login itself, and there is no second one."""
    made = rig(random=0.5)
    made.reuse.start(within=10.0)
    assert await made.reuse.token() is made.issuer.issued[0]
    await made.clock.elapse(20.0)
    assert made.logins == 1
    await made.reuse.close()
