"""A token source goes on under another configuration of the same login."""

import asyncio
from dataclasses import replace

import pytest

from proxy.core.backoff import BUDGET, WINDOW
from proxy.core.identity import Identity
from proxy.core.logout import PlatformLogout
from proxy.core.token_events import LoginSucceeded, Reason
from proxy.errors import LoginRejected, LoginUnavailable
from tests.tokens.clock import FakeClock, settled
from tests.tokens.issuer import CREDENTIAL, POLL, FakeIssuer, Rig, rig, running


def other(it: Rig, secret: str = "rotated", poll: float | None = None) -> FakeIssuer:
    """Return an issuer of another configuration, whose secrets cannot change by themselves."""
    return FakeIssuer(it.clock, secret=secret, poll=poll)


async def test_other_secrets_are_tried_at_once() -> None:
    """The token at hand serves until there is one of the new secrets; the timers go on with the new issuer."""
    async with running() as it:
        new = other(it)
        new.gate.clear()
        await it.clock.elapse(1.0)  # as long as there is between any two logins
        it.reuse.change(CREDENTIAL, new)
        await settled()
        assert (it.reuse.current(), len(new.logins)) == (it.issuer.issued[0], 1)
        new.gate.set()
        await settled()
        assert it.reuse.current() is new.issued[0]
        assert it.events[-1] == LoginSucceeded("main", 0.0, 100.0, Reason.ROTATION)
        await it.clock.elapse(75.0)
        assert (it.logins, len(new.logins)) == (1, 2)


async def test_the_same_secrets_from_another_place_cost_nothing() -> None:
    """From a variable instead of a file, say: no login; from then on the new place is what is watched."""
    async with running() as it:
        new = other(it, "first", POLL)
        it.reuse.change(CREDENTIAL, new)
        await settled()
        assert (it.logins, new.logins, it.reuse.current()) == (1, [], it.issuer.issued[0])
        new.secret = "rotated"
        await it.clock.elapse(POLL)
        assert it.reuse.current() is new.issued[0]


async def test_a_change_while_a_login_is_under_way() -> None:
    """It ends with the secrets that it has read, and the new ones are tried behind it, whatever came of it."""
    for lifetime in (100.0, 0.0):  # with a token from it, and without
        async with running(settle=False) as it:
            it.issuer.lifetime = lifetime
            it.issuer.gate.clear()
            await settled()
            new = other(it)
            it.reuse.change(CREDENTIAL, new)
            await settled()
            assert new.logins == []
            it.issuer.gate.set()
            await it.clock.elapse(1.0)
            assert len(new.logins) == 1
            assert it.reuse.current() is new.issued[0]


@pytest.mark.parametrize("failure", [None, LoginUnavailable(cause="status 503")])
async def test_a_change_while_a_refresh_is_under_way(failure: Exception | None) -> None:
    """The new secrets are found, and tried once that login has ended, however it has."""
    async with running() as it:
        it.issuer.gate.clear()
        await it.clock.elapse(76.0)
        new = other(it)
        it.reuse.change(CREDENTIAL, new)
        await settled()
        it.issuer.failure = failure
        it.issuer.gate.set()
        await it.clock.elapse(1.0)
        assert (it.logins, len(new.logins), it.reuse.current()) == (2, 1, new.issued[0])


async def test_a_change_of_what_could_not_be_read_while_it_is_tried() -> None:
    """Secrets that are there now are tried behind that login, without waiting for the backoff."""
    async with running(settle=False) as it:
        it.issuer.unreadable = LoginUnavailable(cause="file gone")
        await it.clock.elapse(100.0)
        reading = asyncio.Event()

        async def slow(known: Identity | None = None) -> Identity:
            del known
            await reading.wait()
            raise LoginUnavailable(cause="file gone")

        it.issuer.identify = slow  # type: ignore[method-assign]
        due = it.reuse.state.next_attempt
        assert due is not None
        await it.clock.elapse(due - it.clock.time())
        new = other(it)
        it.reuse.change(CREDENTIAL, new)
        reading.set()
        await it.clock.elapse(1.0)
        assert it.reuse.current() is new.issued[0]


async def test_a_look_asks_for_secrets_that_do_not_change_by_themselves() -> None:
    """One that finds the same ones costs nothing; one while another is under way is another."""
    async with running(settle=False) as it:
        it.issuer.poll = None
        await settled()
        it.reuse.look()
        await settled()
        assert (it.issuer.reads, it.logins) == (2, 1)
        it.reuse.look()
        it.issuer.secret = "rotated"
        it.reuse.look()
        await it.clock.elapse(1.0)
        assert it.logins == 2


async def test_a_look_at_secrets_that_cannot_be_read_is_made_up_for() -> None:
    """With the next one, at every secret; meanwhile the token serves."""
    async with running() as it:
        new = other(it, poll=POLL)
        new.unreadable = LoginUnavailable(cause="file gone")
        it.reuse.change(CREDENTIAL, new)
        await settled()
        assert it.reuse.current() is it.issuer.issued[0]
        new.unreadable = None
        await it.clock.elapse(POLL)
        assert it.reuse.current() is new.issued[0]


async def test_a_look_before_any_secret_could_be_read() -> None:
    """What is there now is tried at once, without waiting for the backoff."""
    async with running(settle=False) as it:
        it.issuer.unreadable = LoginUnavailable(cause="file gone")
        await it.clock.elapse(100.0)
        it.issuer.unreadable = None
        it.reuse.look()
        await settled()
        assert it.reuse.current() is it.issuer.issued[0]


async def test_a_look_does_not_hurry_a_login_that_is_down_or_refuses_the_keys() -> None:
    """Secrets that are the same wait as before."""
    async with running() as it:
        it.issuer.failure = LoginRejected(cause="status 401")
        it.reuse.invalidate(it.issuer.issued[0], "a")
        await settled()
        due = it.reuse.state.next_attempt
        for _ in range(20):
            it.reuse.look()
            await settled()
        assert (it.logins, it.reuse.state.next_attempt) == (2, due)


async def test_what_else_a_credential_says_holds_from_the_next_login_on() -> None:
    """A sliding life, a time limit: the token at hand stays what it is."""
    async with running() as it:
        it.reuse.change(replace(CREDENTIAL, sliding=True, login_timeout=3.0), it.issuer)
        assert it.reuse.listening
        await settled()
        it.issuer.gate.clear()
        it.reuse.invalidate(it.issuer.issued[0], "a")
        await it.clock.elapse(3.0)
        assert it.reuse.state.cause == "no token within 3 s"
        it.issuer.gate.set()


async def test_a_source_that_follows_another_has_its_budget() -> None:
    """Not its waits: other keys are tried at once, if there is room; a login in flight takes room as well."""
    clock = FakeClock()
    before = rig(clock)
    before.issuer.failure = LoginRejected(cause="status 401")
    before.reuse.start()
    await settled()
    for _ in range(BUDGET - 2):
        before.issuer.secret += "x"
        await clock.elapse(POLL)
    before.issuer.gate.clear()
    before.issuer.secret += "x"
    await clock.elapse(POLL)
    assert before.logins == BUDGET
    after = rig(clock)
    after.reuse.follow(before.reuse.pace)
    await before.reuse.close()
    after.reuse.start()
    await settled()
    first = before.issuer.logins[0]
    assert (after.logins, after.reuse.state.next_attempt) == (0, first + WINDOW)
    await clock.elapse(first + WINDOW - clock.time())
    assert after.logins == 1
    await after.reuse.close()


async def test_a_session_that_is_ended_is_taken_over_by_nobody() -> None:
    """Where the credential says how to end it; else its token is as good as before."""
    clock = FakeClock()
    for logout, logins in ((PlatformLogout("https://iam.example/iam/logout"), 1), (None, 0)):
        before = rig(clock)
        before.reuse.change(replace(CREDENTIAL, logout=logout), before.issuer)
        before.reuse.start()
        await settled()
        await before.reuse.log_out()
        await before.reuse.close()
        after = rig(clock, before.cache)
        after.reuse.start()
        await settled()
        assert (len(before.issuer.ended), after.logins) == (1, logins)
        await after.reuse.close()
