"""Workers' token sources: one login for all of them, and the rules for refusals as if there were one process."""

import asyncio

import pytest

from proxy.core.token_events import RefusalsDoubted, TokenRefused
from proxy.errors import LoginRejected, LoginUnavailable
from tests.tokens.clock import settled
from tests.workers.office import WHAT, office


async def test_a_token_that_is_known_costs_no_question() -> None:
    """It is handed out at once, the same object each time; nothing is sent."""
    async with office() as at:
        for each in at.workers:
            token = each.source.current()
            assert token is not None
            assert token.value == "token-1"
            assert await each.source.token() is token
            assert await each.source.fresh() is token
            assert each.said == []


async def test_the_workers_wait_for_one_login() -> None:
    """500 requests in each of two workers, before there is a token: one login."""
    async with office(waits=True) as at:
        waiting = [asyncio.ensure_future(each.source.token()) for each in at.workers for _ in range(500)]
        await at.told()
        at.it.issuer.gate.set()
        tokens = await asyncio.gather(*waiting)
        assert {token.value for token in tokens} == {"token-1"}
        assert at.it.logins == 1


async def test_a_refusal_in_each_worker_costs_one_login() -> None:
    """Both refuse the same token; both get the same newer one."""
    async with office() as at:
        refused = [each.source.current() for each in at.workers]
        renewed = await asyncio.gather(
            *(each.source.renew(token, WHAT) for each, token in zip(at.workers, refused, strict=True) if token)
        )
        assert [token.value for token in renewed if token] == ["token-2", "token-2"]
        assert at.it.logins == 2
        await at.told()
        assert [each.source.current() for each in at.workers] == renewed


async def test_a_refused_token_is_not_handed_out_while_the_supervisor_hears_of_it() -> None:
    """From the refusal on whoever comes waits for the next one, in the other worker from when it has been told."""
    async with office() as at:
        one, other = at.workers
        token = one.source.current()
        assert token is not None
        at.it.issuer.gate.clear()
        assert one.source.invalidate(token, WHAT)
        assert one.source.current() is None
        await at.told()
        assert one.source.current() is other.source.current() is None
        waiting = [asyncio.ensure_future(each.source.token()) for each in at.workers]
        at.it.issuer.gate.set()
        assert [(await each).value for each in waiting] == ["token-2", "token-2"]
        assert [type(event) for event in at.it.events if isinstance(event, TokenRefused)] == [TokenRefused]


async def test_news_from_before_a_refusal_does_not_bring_the_token_back() -> None:
    """What was said before the refusal had been heard is not about it."""
    async with office() as at:
        one, _ = at.workers
        token = one.source.current()
        assert token is not None
        one.desk.tell()
        stale = {**one.desk._lent["main"].state()}
        one.source.invalidate(token, WHAT)
        one.source.heard(stale)
        assert one.source.current() is None
        await at.told()
        renewed = one.source.current()
        assert renewed is not None
        assert renewed.value == "token-2"


async def test_a_late_refusal_costs_nothing() -> None:
    """Of a token that has been replaced, also of one so old that its number is forgotten."""
    async with office() as at:
        one, other = at.workers
        first = one.source.current()
        assert first is not None
        for _ in range(12):
            token = other.source.current()
            assert token is not None
            other.source.accepted(token, WHAT, at.it.clock.time())
            await at.it.clock.elapse(100)
            await at.told()
        logins = at.it.logins
        renewed = await one.source.renew(first, WHAT)
        assert renewed is not None
        assert renewed is one.source.current()
        assert at.it.logins == logins


async def test_a_permanent_refusal_costs_two_logins() -> None:
    """A replay that is refused too makes refusals doubted in all workers: they are passed on, the token serves."""
    async with office() as at:
        one, other = at.workers
        token = one.source.current()
        assert token is not None
        newer = await one.source.renew(token, WHAT)
        assert newer is not None
        one.source.replay_refused(newer, WHAT)
        await at.told()
        assert any(isinstance(event, RefusalsDoubted) for event in at.it.events)
        for each in at.workers:
            current = each.source.current()
            assert current is not None
            assert await each.source.renew(current, WHAT) is None
            assert each.source.current() is current
            assert not each.source.invalidate(current, WHAT)
        await at.told()
        assert at.it.logins == 2
        assert other.source.current() is not None


async def test_what_accepts_a_token_ends_the_doubt() -> None:
    """Told by one worker while it is listened to: a later refusal in the other is believed again."""
    async with office() as at:
        one, other = at.workers
        token = one.source.current()
        assert token is not None
        newer = await one.source.renew(token, WHAT)
        assert newer is not None
        one.source.replay_refused(newer, WHAT)
        await at.told()
        assert one.source.listening
        one.source.accepted(newer, (b"GET", b"/other"), at.it.clock.time())
        await at.told()
        current = other.source.current()
        assert current is not None
        renewed = await other.source.renew(current, (b"GET", b"/other"))
        assert renewed is not None
        assert at.it.logins == 3


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (LoginRejected(cause="status 401"), LoginRejected),
        (LoginUnavailable(cause="status 503"), LoginUnavailable),
    ],
)
async def test_a_failed_login_reaches_the_worker_as_it_is(failure: Exception, kind: type[Exception]) -> None:
    """With its kind and the time to the next attempt; one login for all who ask."""
    async with office(failure=failure) as at:
        for each in at.workers:
            with pytest.raises(kind) as raised:
                await each.source.token()
            assert isinstance(raised.value, LoginRejected | LoginUnavailable)
            assert raised.value.retry_after is not None
            assert raised.value.retry_after >= 1
        assert at.it.logins == 1


async def test_a_supervisor_that_goes_leaves_nobody_waiting() -> None:
    """Waits end with an error; the token that is known serves to its end."""
    async with office() as at:
        one, other = at.workers
        token = other.source.current()
        at.it.issuer.gate.clear()
        at.it.clock.advance(99)
        assert one.source.current() is not None
        waiting = asyncio.ensure_future(one.source.fresh())
        await one.told()
        one.far.close()
        with pytest.raises(LoginUnavailable):
            await waiting
        with pytest.raises(LoginUnavailable):
            await one.source.fresh()
        assert other.source.current() is token
        at.it.clock.advance(1)
        assert other.source.current() is None


async def test_a_worker_that_goes_leaves_no_call_behind() -> None:
    """What it waited for is not waited for any more."""
    async with office(waits=True) as at:
        one, _ = at.workers
        waiting = asyncio.ensure_future(one.source.token())
        await one.told()
        assert len(one.desk._calls) == 1
        one.near.close()
        with pytest.raises(LoginUnavailable):
            await waiting
        await one.told()
        assert one.desk._calls == set()
        at.it.issuer.gate.set()


async def test_a_waiter_that_leaves_cancels_nobody() -> None:
    """Its call is forgotten; the others get the token."""
    async with office(waits=True) as at:
        one, _ = at.workers
        leaver, stayer = (asyncio.ensure_future(one.source.token()) for _ in range(2))
        await one.told()
        leaver.cancel()
        await settled()
        assert len(one.source._waiting) == 1
        at.it.issuer.gate.set()
        assert (await stayer).value == "token-1"


async def test_a_sliding_token_is_told_of_its_use_once_a_second() -> None:
    """Whatever the traffic; the new life comes back to all workers."""
    async with office() as at:
        one, other = at.workers
        at.it.reuse._slides = True
        token = at.it.reuse.current()
        assert token is not None
        token.slides, token.ends_at = 100.0, 1e9
        await at.told()
        theirs = one.source.current()
        assert theirs is not None
        before = theirs.expires_at
        for _ in range(10):
            at.it.clock.advance(0.2)
            one.source.accepted(theirs, WHAT, at.it.clock.time())
        await at.told()
        assert len(one.said) == 2
        assert before < theirs.expires_at
        current = other.source.current()
        assert current is not None
        assert current.expires_at == theirs.expires_at


async def test_secrets_go_only_to_workers_that_have_to_hide_them() -> None:
    """A route without `scrub` needs none."""
    async with office() as at:
        assert [each.source.hidden for each in at.workers] == [(), ()]
    async with office(scrubs=True) as at:
        for each in at.workers:
            assert {secret.reveal() for secret in each.source.hidden} == {"first", "token-1"}
