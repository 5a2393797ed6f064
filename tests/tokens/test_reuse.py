"""One token for all requests, fetched ahead of its end, and never used beyond it."""

import asyncio
import tracemalloc

import pytest

from proxy.core.token import Phase
from proxy.core.token_events import LoginFailed, LoginSucceeded, Outcome, Reason
from proxy.errors import LoginUnavailable
from tests.tokens.clock import settled
from tests.tokens.issuer import rig, running

DOWN = LoginUnavailable(cause="status 503")


async def test_the_first_login_needs_no_caller() -> None:
    """It begins with `start`; before it ends there is no token, and afterwards one without waiting."""
    async with running(settle=False) as it:
        assert it.reuse.current() is None
        await settled()
        token = it.reuse.current()
        assert token is it.issuer.issued[0]
        assert await it.reuse.token() is token
        assert await it.reuse.fresh() is token
        assert it.logins == 1


async def test_500_callers_share_one_login() -> None:
    """All get the same token."""
    async with running(settle=False) as it:
        tokens = await asyncio.gather(*(it.reuse.token() for _ in range(500)))
        assert it.logins == 1
        assert set(tokens) == {it.issuer.issued[0]}


async def test_a_source_that_was_not_started_logs_in_for_its_first_caller() -> None:
    """`start` is a convenience of time, not a condition."""
    it = rig()
    assert (await it.reuse.token()).value == "token-1"
    await it.reuse.close()


async def test_the_hot_path_allocates_nothing() -> None:
    """Ten thousand looks at a fresh token leave no memory behind and wake nobody."""
    async with running() as it:
        current = it.reuse.current
        current()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(10_000):
            current()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        assert grown < 1000
        assert it.logins == 1


async def test_the_timer_refreshes_without_traffic() -> None:
    """At three quarters of each lifetime, for ever, with nobody asking; none of it takes of the login budget."""
    async with running() as it:
        await it.clock.elapse(75.0 * 100)
        assert it.logins == 101
        assert it.issuer.logins[:3] == [1000.0, 1075.0, 1150.0]
        assert it.reuse.state.refreshes == {Reason.START: 1, Reason.AHEAD: 100}


async def test_a_stale_token_is_handed_out_while_one_refresh_runs_behind() -> None:
    """No caller waits, however many ask."""
    async with running() as it:
        old = it.issuer.issued[0]
        it.issuer.gate.clear()
        it.clock.advance(80.0)
        assert all(it.reuse.current() is old for _ in range(100))
        assert await asyncio.gather(*(it.reuse.token() for _ in range(100))) == [old] * 100
        await settled()
        assert it.logins == 2
        it.issuer.gate.set()
        await settled()
        assert it.reuse.current() is it.issuer.issued[1]


async def test_a_caller_who_comes_before_the_timer_begins_the_refresh() -> None:
    """A loop that was held up finds a stale token; its timer does not log in a second time."""
    async with running() as it:
        it.clock._now += 80.0
        assert it.reuse.current() is it.issuer.issued[0]
        await settled()
        await it.clock.elapse(1.0)
        assert it.logins == 2


async def test_an_expired_token_is_never_handed_out() -> None:
    """Also when the timer has not come round: the callers wait for the login."""
    async with running() as it:
        it.clock._now += 100.0
        assert it.reuse.current() is None
        assert it.reuse.state.phase is Phase.EXPIRED
        token = await it.reuse.token()
        assert token is it.issuer.issued[1]
        assert it.reuse.state.refreshes == {Reason.START: 1, Reason.EXPIRY: 1}


async def test_nobody_fails_before_hard_expiry_and_everybody_after() -> None:
    """With the login down: the stale token to its last moment, then LoginUnavailable at once."""
    async with running() as it:
        token = it.issuer.issued[0]
        it.issuer.failure = DOWN
        for _ in range(99):
            await it.clock.elapse(1.0)
            assert it.reuse.current() is token
            assert await it.reuse.token() is token
        await it.clock.elapse(1.0)
        assert it.reuse.current() is None
        with pytest.raises(LoginUnavailable) as caught:
            await it.reuse.token()
        assert caught.value.cause == "status 503"
        assert it.reuse.state.phase is Phase.EXPIRED


async def test_a_login_that_is_down_is_asked_with_growing_pauses() -> None:
    """1, 2, 4, 8, 16, 32 … up to 300 seconds, with nobody asking; the budget is never in the way of that."""
    async with running(settle=False) as it:
        it.issuer.failure = DOWN
        await it.clock.elapse(1111.0)
        pauses = [later - earlier for earlier, later in zip(it.issuer.logins, it.issuer.logins[1:], strict=False)]
        assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


async def test_jitter_lengthens_the_pause_and_the_promise() -> None:
    """Retry-After is the time to the very next attempt."""
    it = rig(random=0.8)
    it.issuer.failure = DOWN
    with pytest.raises(LoginUnavailable) as caught:
        await it.reuse.token()
    assert caught.value.retry_after == pytest.approx(1.2)
    await it.reuse.close()


async def test_callers_are_not_kept_waiting_while_backing_off() -> None:
    """They get the time to the next attempt, at least a second, and cause no login."""
    async with running(settle=False) as it:
        it.issuer.failure = DOWN
        await it.clock.elapse(3.5)
        assert it.logins == 3
        for _ in range(100):
            with pytest.raises(LoginUnavailable) as caught:
                await it.reuse.token()
            assert caught.value.retry_after == pytest.approx(3.5)
        await it.clock.elapse(3.4)
        with pytest.raises(LoginUnavailable) as caught:
            await it.reuse.token()
        assert caught.value.retry_after == 1.0
        assert it.logins == 3


@pytest.mark.parametrize("early", [False, True])
async def test_a_caller_who_comes_back_at_that_time_is_served(early: bool) -> None:
    """If the login works again: whether the timer or the caller comes first."""
    async with running(settle=False) as it:
        it.issuer.failure = DOWN
        await it.clock.elapse(30.0)
        with pytest.raises(LoginUnavailable) as caught:
            await it.reuse.token()
        it.issuer.failure = None
        assert caught.value.retry_after is not None
        if early:
            it.clock._now += caught.value.retry_after
        else:
            it.clock.advance(caught.value.retry_after)
        assert await it.reuse.token() is it.issuer.issued[0]


async def test_callers_wait_for_a_login_no_longer_than_login_timeout() -> None:
    """A login that hangs ends after ten seconds, for all; the next attempt works."""
    async with running(settle=False) as it:
        it.issuer.gate.clear()
        first = asyncio.create_task(it.reuse.token())
        await it.clock.elapse(6.0)
        second = asyncio.create_task(it.reuse.token())
        await it.clock.elapse(3.9)
        assert not first.done()
        await it.clock.elapse(0.1)
        errors = await asyncio.gather(first, second, return_exceptions=True)
        assert [type(error) for error in errors] == [LoginUnavailable] * 2
        assert errors[0] is not errors[1]
        it.issuer.gate.set()
        await it.clock.elapse(1.0)
        assert it.reuse.current() is it.issuer.issued[0]


async def test_secrets_that_cannot_be_read_are_read_again() -> None:
    """The login backs off, no request goes out, and the gateway recovers by itself."""
    async with running(settle=False) as it:
        it.issuer.unreadable = LoginUnavailable(cause="file gone")
        await it.clock.elapse(2.0)
        with pytest.raises(LoginUnavailable) as caught:
            await it.reuse.token()
        assert caught.value.cause == "file gone"
        assert it.logins == 0
        it.issuer.unreadable = None
        await it.clock.elapse(2.0)
        assert it.reuse.state.live


async def test_a_defect_in_an_issuer_is_one_failed_login() -> None:
    """Not the end of all logins; its text, which nobody has looked at, is not told."""
    async with running(settle=False) as it:
        it.issuer.failure = ZeroDivisionError("the-secret")
        with pytest.raises(LoginUnavailable) as caught:
            await it.reuse.token()
        assert caught.value.cause.startswith("a defect of the gateway: ZeroDivisionError at ")
        assert "the-secret" not in caught.value.cause
        it.issuer.failure = None
        await it.clock.elapse(1.0)
        assert it.reuse.state.live


async def test_a_token_that_has_expired_before_it_came_is_a_failure() -> None:
    """It is not used, and not asked for without a pause."""
    async with running(settle=False) as it:
        it.issuer.lifetime = 5.0
        it.issuer.gate.clear()
        await it.clock.elapse(6.0)
        it.issuer.gate.set()
        with pytest.raises(LoginUnavailable) as caught:
            await it.reuse.token()
        assert "expired" in caught.value.cause
        assert it.logins == 1


async def test_there_is_at_most_one_refresh_a_second() -> None:
    """Even for tokens that hardly live; and their successes take nothing of the budget."""
    async with running(settle=False) as it:
        it.issuer.lifetime = 0.5
        await it.clock.elapse(100.0)
        assert it.logins == 101
        assert it.reuse.state.logins == {Outcome.SUCCEEDED: 101}


async def test_fresh_refreshes_a_stale_token_first() -> None:
    """One login, however many wait for it."""
    async with running() as it:
        it.clock._now += 80.0
        tokens = await asyncio.gather(*(it.reuse.fresh() for _ in range(100)))
        assert set(tokens) == {it.issuer.issued[1]}
        assert it.logins == 2


async def test_fresh_falls_back_to_the_stale_token() -> None:
    """While that lives; where the login is backing off, without waiting."""
    async with running() as it:
        it.issuer.failure = DOWN
        it.clock._now += 80.0
        assert await it.reuse.fresh() is it.issuer.issued[0]
        assert it.logins == 2
        assert await it.reuse.fresh() is it.issuer.issued[0]
        assert it.logins == 2
        it.clock._now += 20.0
        with pytest.raises(LoginUnavailable):
            await it.reuse.fresh()


async def test_fresh_does_not_use_a_token_that_expires_while_waiting() -> None:
    """The stale token lived when the login began, and not when it failed."""
    async with running() as it:
        it.issuer.failure = DOWN
        it.issuer.gate.clear()
        it.clock._now += 95.0
        task = asyncio.create_task(it.reuse.fresh())
        await it.clock.elapse(6.0)
        it.issuer.gate.set()
        with pytest.raises(LoginUnavailable):
            await task


async def test_a_refresh_on_request_replaces_a_fresh_token() -> None:
    """The old one is in use until the new one is there."""
    async with running() as it:
        await it.clock.elapse(10.0)
        it.issuer.gate.clear()
        task = asyncio.create_task(it.reuse.refresh())
        await settled()
        assert it.reuse.current() is it.issuer.issued[0]
        it.issuer.gate.set()
        assert await task is it.issuer.issued[1]


async def test_refreshes_on_request_a_second_apart() -> None:
    """One that comes sooner waits for its turn, with all others that do, and needs not come again."""
    async with running() as it:
        await it.clock.elapse(10.0)
        assert await it.reuse.refresh() is it.issuer.issued[1]
        waiting = [asyncio.create_task(it.reuse.refresh()) for _ in range(3)]
        await it.clock.elapse(0.9)
        assert it.logins == 2
        await it.clock.elapse(0.2)
        assert {await task for task in waiting} == {it.issuer.issued[2]}
        assert it.logins == 3


async def test_a_token_that_is_refused_while_a_refresh_waits_for_its_turn() -> None:
    """The login that comes is the refusal's as well: it counts as one, and is the only one."""
    async with running() as it:
        await it.clock.elapse(10.0)
        newer = await it.reuse.refresh()
        asked = asyncio.create_task(it.reuse.refresh())
        await settled()
        assert it.reuse.invalidate(newer, "a")
        await it.clock.elapse(1.0)
        assert await asked is it.issuer.issued[2]
        assert it.logins == 3
        last = it.events[-1]
        assert isinstance(last, LoginSucceeded)
        assert last.reason is Reason.REFUSAL


async def test_a_refresh_that_waits_for_its_turn_is_told_how_it_went() -> None:
    """And one that goes away meanwhile takes nobody's turn."""
    async with running() as it:
        await it.clock.elapse(10.0)
        await it.reuse.refresh()
        it.issuer.failure = DOWN
        gone, waiting = (asyncio.create_task(it.reuse.refresh()) for _ in range(2))
        await settled()
        gone.cancel()
        await it.clock.elapse(1.0)
        with pytest.raises(LoginUnavailable):
            await waiting
        assert it.logins == 3


async def test_a_refresh_on_request_does_not_wait_for_the_backoff() -> None:
    """But the budget holds: six failures a minute are all that anybody can cause."""
    async with running(settle=False) as it:
        it.issuer.failure = DOWN
        await settled()
        for _ in range(50):
            asked = asyncio.create_task(it.reuse.refresh())
            await it.clock.elapse(1.0)
            with pytest.raises(LoginUnavailable):
                await asked
        assert it.logins == 6


async def test_events_tell_what_happened() -> None:
    """Durations, lifetimes, causes and the next attempt."""
    async with running(settle=False) as it:
        it.issuer.gate.clear()
        await it.clock.elapse(2.0)
        it.issuer.gate.set()
        it.issuer.failure = DOWN
        await settled()
        it.issuer.failure = None
        await it.clock.elapse(1.0)
        assert it.events == [
            LoginFailed("main", 2.0, Outcome.UNAVAILABLE, "status 503", 1.0, Reason.START),
            LoginSucceeded("main", 0.0, 100.0, Reason.START),
        ]


async def test_the_state_tells_all_but_the_token() -> None:
    """Before, with, and after a token; `static` facts only, so that a snapshot stays what it was."""
    async with running(settle=False) as it:
        before = it.reuse.state
        assert (before.phase, before.outcome, before.next_attempt, before.live) == (None, None, None, False)
        await settled()
        state = it.reuse.state
        assert (state.credential, state.phase, state.live) == ("main", Phase.FRESH, True)
        assert (state.expires_at, state.next_attempt, state.finished_at) == (1100.0, 1075.0, 1000.0)
        it.issuer.failure = DOWN
        await it.clock.elapse(75.5)
        failing = it.reuse.state
        assert (failing.phase, failing.live, failing.outcome) == (Phase.STALE, True, Outcome.UNAVAILABLE)
        assert (failing.cause, failing.next_attempt) == ("status 503", 1076.0)
        assert failing.logins == {Outcome.SUCCEEDED: 1, Outcome.UNAVAILABLE: 1}
        assert state.logins == {Outcome.SUCCEEDED: 1}
        assert "token-1" not in repr(state) + repr(it.events)


async def test_close_leaves_neither_timer_nor_task() -> None:
    """A login in flight ends; those who wait for it get an error of ours; a live token still serves."""
    it = rig()
    it.reuse.start()
    await settled()
    token = it.reuse.current()
    it.issuer.gate.clear()
    it.clock._now += 80.0
    waiter = asyncio.create_task(it.reuse.fresh())
    await settled()
    assert it.issuer.flying == 1
    await it.reuse.close()
    assert await waiter is token
    assert it.issuer.flying == 0
    assert it.clock.pending == []
    assert it.reuse.current() is token
    it.clock._now += 20.0
    with pytest.raises(LoginUnavailable):
        await it.reuse.token()
    assert it.logins == 2
    assert it.reuse.state.next_attempt is None


async def test_close_before_the_first_token_fails_those_who_wait() -> None:
    """With LoginUnavailable; they have not been cancelled. Closing again does nothing."""
    it = rig()
    it.issuer.gate.clear()
    waiters = [asyncio.create_task(it.reuse.token()) for _ in range(3)]
    await settled()
    await it.reuse.close()
    await it.reuse.close()
    errors = await asyncio.gather(*waiters, return_exceptions=True)
    assert [type(error) for error in errors] == [LoginUnavailable] * 3
