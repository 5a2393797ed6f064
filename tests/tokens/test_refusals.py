"""What a refusal costs: one login for all who were refused, and none for what a login does not mend."""

import asyncio

import pytest

from proxy.core.token import Token
from proxy.core.token_events import LoginSucceeded, Reason, RefusalsDoubted, TokenRefused
from proxy.errors import LoginUnavailable
from tests.tokens.clock import settled
from tests.tokens.issuer import Rig, running

DOWN = LoginUnavailable(cause="status 503")


def current(it: Rig) -> Token:
    """Return the live token, which there is."""
    token = it.reuse.current()
    assert token is not None
    return token


async def replay(it: Rig, what: str, *, accepts: bool) -> Token | None:
    """Refuse the current token on `what`, and replay it as the exchange does."""
    newer = await it.reuse.renew(current(it), what)
    if newer is None:
        return None
    if not accepts:
        it.reuse.replay_refused(newer, what)
    elif it.reuse.listening:
        it.reuse.accepted(newer, what, it.clock.time())
    return newer


async def test_500_refusals_of_one_token_cost_one_login() -> None:
    """All get the same newer token; the refused one is never handed out again."""
    async with running() as it:
        dead = current(it)
        newer = await asyncio.gather(*(it.reuse.renew(dead, f"GET /{number}") for number in range(500)))
        assert it.logins == 2
        assert set(newer) == {it.issuer.issued[1]}
        assert it.reuse.current() is it.issuer.issued[1]
        assert it.reuse.state.refreshes == {Reason.START: 1, Reason.REFUSAL: 1}
        assert [type(event) for event in it.events] == [LoginSucceeded, TokenRefused, LoginSucceeded]


async def test_the_login_after_a_refusal_knows_which_token_was_refused() -> None:
    """So that a store never hands it out again; a login ahead knows the one at hand, the first one none."""
    async with running() as it:
        first = current(it)
        it.issuer.failure = DOWN
        with pytest.raises(LoginUnavailable):
            await it.reuse.renew(first, "a")
        it.issuer.failure = None
        await it.clock.elapse(1.25)
        await it.clock.elapse(80.0)
        second = it.issuer.issued[1]
        assert it.issuer.replaced == [None, first, first, second]


async def test_while_the_login_runs_nobody_gets_the_refused_token() -> None:
    """It is invalidated at once, however fresh: new callers wait for the one login."""
    async with running() as it:
        dead = current(it)
        it.issuer.gate.clear()
        refused = asyncio.create_task(it.reuse.renew(dead, "a"))
        await settled()
        assert it.reuse.current() is None
        others = [asyncio.create_task(it.reuse.token()) for _ in range(10)]
        await settled()
        it.issuer.gate.set()
        assert set(await asyncio.gather(refused, *others)) == {it.issuer.issued[1]}
        assert it.logins == 2


async def test_a_late_refusal_costs_no_login() -> None:
    """The token has been replaced: by a refresh, or because somebody else was refused before."""
    async with running() as it:
        old = current(it)
        await it.clock.elapse(76.0)
        assert await it.reuse.renew(old, "a") is it.issuer.issued[1]
        assert it.logins == 2
        await replay(it, "b", accepts=True)
        assert await it.reuse.renew(it.issuer.issued[1], "a") is it.issuer.issued[2]
        assert it.logins == 3


async def test_a_refusal_of_an_expired_token_is_no_refusal() -> None:
    """It was sent in its last moment; the login is that of an expiry and raises no doubt."""
    async with running() as it:
        old = current(it)
        it.clock._now += 100.0
        assert await it.reuse.renew(old, "a") is it.issuer.issued[1]
        assert it.reuse.state.refreshes == {Reason.START: 1, Reason.EXPIRY: 1}
        assert not any(isinstance(event, TokenRefused) for event in it.events)


async def test_a_refusal_during_a_refresh_joins_it() -> None:
    """The login in flight is the one."""
    async with running() as it:
        old = current(it)
        it.issuer.gate.clear()
        await it.clock.elapse(80.0)
        assert it.logins == 2
        task = asyncio.create_task(it.reuse.renew(old, "a"))
        await settled()
        assert it.reuse.current() is None
        it.issuer.gate.set()
        assert await task is it.issuer.issued[1]
        assert it.logins == 2


async def test_a_refusal_that_is_not_waited_for_is_believed_too() -> None:
    """A body that cannot be replayed: the token is invalidated and the login begins behind the answer."""
    async with running() as it:
        assert it.reuse.invalidate(current(it), "POST /upload")
        assert it.reuse.current() is None
        await settled()
        assert it.reuse.current() is it.issuer.issued[1]


async def test_the_login_after_a_refusal_may_fail() -> None:
    """All who were refused get the error, at once from then on; the dead token does not come back."""
    async with running() as it:
        dead = current(it)
        it.issuer.failure = DOWN
        errors = await asyncio.gather(*(it.reuse.renew(dead, "a") for _ in range(100)), return_exceptions=True)
        assert {type(error) for error in errors} == {LoginUnavailable}
        assert it.logins == 2
        with pytest.raises(LoginUnavailable) as caught:
            await it.reuse.renew(dead, "a")
        assert caught.value.retry_after == 1.0
        assert it.reuse.current() is None
        it.issuer.failure = None
        await it.clock.elapse(1.0)
        assert await it.reuse.renew(dead, "a") is it.issuer.issued[1]
        assert it.logins == 3


async def test_a_permanent_refusal_costs_two_logins_in_all() -> None:
    """A hundred requests a second for a minute, refused whatever the token: their answers pass as they came."""
    async with running() as it:
        it.issuer.lifetime = 3600.0
        assert await replay(it, "a", accepts=False) is it.issuer.issued[1]
        for _ in range(5900):
            assert await it.reuse.renew(current(it), "a") is None
            it.clock.advance(0.01)
        assert it.logins == 2
        assert it.reuse.current() is it.issuer.issued[1]
        assert it.events[-1] == RefusalsDoubted("main", 60.0)


async def test_a_permanent_refusal_that_overtakes_the_replay_costs_no_more() -> None:
    """Another request may be refused with the newer token before the replay is: that says the same."""
    async with running() as it:
        newer = await it.reuse.renew(current(it), "a")
        assert newer is not None
        assert await it.reuse.renew(newer, "b") is None
        it.reuse.replay_refused(newer, "a")
        assert it.logins == 2
        assert [type(event) for event in it.events].count(RefusalsDoubted) == 1


async def test_many_refused_replays_count_once() -> None:
    """500 at a time: two logins, one minute of doubt."""
    async with running() as it:
        dead = current(it)
        await asyncio.gather(*(it.reuse.renew(dead, "a") for _ in range(500)))
        for _ in range(500):
            it.reuse.replay_refused(current(it), "a")
        assert it.events[-1] == RefusalsDoubted("main", 60.0)
        assert [type(event) for event in it.events].count(RefusalsDoubted) == 1


async def test_a_late_refusal_of_a_replay_says_nothing_of_the_current_token() -> None:
    """The token it was replayed with is gone."""
    async with running() as it:
        old = current(it)
        await replay(it, "a", accepts=True)
        it.reuse.replay_refused(old, "b")
        assert not it.reuse.listening


async def test_after_the_backoff_one_refusal_causes_one_login() -> None:
    """60 s, then 120, 240 …: over two hours of permanent refusals, a handful of logins."""
    async with running() as it:
        it.issuer.lifetime = 1e6
        await replay(it, "a", accepts=False)
        for _ in range(7200):
            await replay(it, "a", accepts=False)
            await it.clock.elapse(1.0)
        causes = [at - 1000.0 for at in it.issuer.logins]
        assert causes == [0, 0, 60, 180, 420, 900, 1860, 3780]


async def test_what_accepted_the_token_is_believed_at_once() -> None:
    """And ends the doubt; another that never accepted it goes on being passed."""
    async with running() as it:
        await replay(it, "permanent", accepts=False)
        it.reuse.accepted(current(it), "healthy", it.clock.time())
        assert await it.reuse.renew(current(it), "permanent") is None
        assert await it.reuse.renew(current(it), "healthy") is it.issuer.issued[2]
        it.reuse.accepted(current(it), "healthy", it.clock.time())
        assert not it.reuse.listening
        assert it.logins == 3


async def test_what_accepted_an_older_token_is_not() -> None:
    """The record is of the current token alone."""
    async with running() as it:
        await replay(it, "permanent", accepts=False)
        older = current(it)
        it.reuse.accepted(older, "healthy", it.clock.time())
        await it.clock.elapse(76.0)
        assert current(it) is not older
        it.reuse.accepted(older, "late", it.clock.time())
        it.clock._now -= 20.0  # the doubt's minute has not passed
        assert await it.reuse.renew(current(it), "healthy") is None
        assert await it.reuse.renew(current(it), "late") is None


async def test_a_late_acceptance_of_an_older_token_takes_nothing_from_the_record() -> None:
    """Nor does it prove a token that is on trial."""
    async with running() as it:
        older = current(it)
        newer = await it.reuse.renew(older, "permanent")
        assert newer is not None
        it.reuse.accepted(older, "slow", it.clock.time())
        assert await it.reuse.renew(newer, "b") is None
        it.reuse.accepted(newer, "healthy", it.clock.time())
        it.reuse.accepted(older, "slow", it.clock.time())
        assert await it.reuse.renew(newer, "healthy") is it.issuer.issued[2]


async def test_a_doubtful_refusal_does_not_cost_the_others_their_token() -> None:
    """Where no login may start, the one refusal after the backoff is not spent: the token goes on serving."""
    async with running() as it:
        it.issuer.lifetime = 1000.0
        await it.clock.elapse(75.0)
        await replay(it, "permanent", accepts=False)
        served = current(it)
        await it.clock.elapse(1.0)
        it.issuer.failure = DOWN
        with pytest.raises(LoginUnavailable):
            await it.reuse.refresh()
        for _ in range(6):
            await it.clock.elapse(60.0)
            with pytest.raises(LoginUnavailable):
                await it.reuse.refresh()
            assert await it.reuse.renew(served, "permanent") is None
        assert it.reuse.current() is served


async def test_six_refusals_a_minute_are_all_that_cause_logins() -> None:
    """Tokens revoked as fast as they come: the seventh waits until the first is a minute old."""
    async with running() as it:
        for second in range(6):
            assert await replay(it, f"a{second}", accepts=True) is it.issuer.issued[-1]
            await it.clock.elapse(1.0)
        assert it.logins == 7
        with pytest.raises(LoginUnavailable) as caught:
            await replay(it, "a7", accepts=True)
        assert caught.value.retry_after == 54.0
        assert it.reuse.current() is None
        await it.clock.elapse(53.9)
        assert it.logins == 7
        await it.clock.elapse(0.1)
        assert it.reuse.current() is it.issuer.issued[7]


async def test_refusals_of_closed_sources_cause_no_login() -> None:
    """Requests under way at the end: there is no newer token for them."""
    async with running() as it:
        dead = current(it)
        await it.reuse.close()
        with pytest.raises(LoginUnavailable):
            await it.reuse.renew(dead, "a")
        assert it.logins == 1


async def test_a_login_that_gives_the_refused_token_again_mends_nothing() -> None:
    """The refusal is passed on, not replayed; the second is doubted, so it costs no further login."""
    async with running(settle=False) as it:
        it.issuer.text = "always-the-same"
        await settled()
        dead = current(it)
        assert await it.reuse.renew(dead, "a") is None
        assert await it.reuse.renew(current(it), "a") is None
        assert it.logins == 2
        assert it.events[-1] == RefusalsDoubted("main", 60.0)


async def test_refusals_that_nothing_replays_are_doubted_too() -> None:
    """Uploads too large to be sent again, at a place that always refuses: two logins, the first one included."""
    async with running() as it:
        for _ in range(100):
            it.reuse.invalidate(current(it), "PUT /large")
            await settled()
            await it.clock.elapse(0.01)
        assert it.logins == 2


async def test_a_refusal_that_can_be_replayed_is_believed_behind_one_that_could_not() -> None:
    """Nothing has been replayed with the newer token: its first refusal costs a login and a replay."""
    async with running() as it:
        it.reuse.invalidate(current(it), "PUT /large")
        await settled()
        assert it.reuse.listening
        assert await it.reuse.renew(current(it), "GET /") is it.issuer.issued[2]
        assert it.logins == 3


async def test_a_token_that_was_accepted_is_proven_though_nothing_could_be_replayed() -> None:
    """The next upload that is refused found it dead: another login."""
    async with running() as it:
        it.reuse.invalidate(current(it), "PUT /large")
        await settled()
        it.reuse.accepted(current(it), "GET /", it.clock.time())
        assert not it.reuse.listening
        assert it.reuse.invalidate(current(it), "PUT /large")
        await settled()
        assert it.logins == 3


async def test_waiters_that_have_left_leave_no_trial() -> None:
    """The login came too late for those who were refused: what asks next is believed."""
    async with running() as it:
        it.issuer.gate.clear()
        waiting = asyncio.create_task(it.reuse.renew(current(it), "GET /"))
        await settled()
        waiting.cancel()
        it.issuer.gate.set()
        await settled()
        assert await it.reuse.renew(current(it), "GET /other") is it.issuer.issued[2]
