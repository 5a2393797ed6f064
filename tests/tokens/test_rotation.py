"""Secrets rotate without a gap: new ones are tried while the token of the old ones serves."""

import pytest

from proxy.core.backoff import PROBE_INTERVAL
from proxy.core.secret import Secret
from proxy.core.token_events import LoginFailed, LoginSucceeded, Outcome, Reason
from proxy.errors import LoginRejected, LoginUnavailable
from tests.tokens.clock import settled
from tests.tokens.issuer import POLL, running

WRONG = LoginRejected(cause="status 401")
DOWN = LoginUnavailable(cause="status 503")


async def test_new_keys_are_tried_at_once_and_replace_the_token() -> None:
    """Within one look; the old token serves until the new one is there, and not a moment longer."""
    async with running() as it:
        it.issuer.secret = "rotated"
        it.issuer.gate.clear()
        await it.clock.elapse(POLL)
        assert it.reuse.current() is it.issuer.issued[0]
        it.issuer.gate.set()
        await settled()
        assert it.reuse.current() is it.issuer.issued[1]
        assert it.events[-1] == LoginSucceeded("main", 0.0, 100.0, Reason.ROTATION)
        assert it.reuse.state.refreshes == {Reason.START: 1, Reason.ROTATION: 1}


async def test_new_keys_that_are_wrong_cost_no_request() -> None:
    """The old token serves to its hard expiry; the log is told for how long, and the keys are probed slowly."""
    async with running() as it:
        it.issuer.lifetime = 2000.0
        await it.clock.elapse(75.0)
        served = it.issuer.issued[1]
        it.issuer.secret, it.issuer.failure = "mistyped", WRONG
        await it.clock.elapse(POLL)
        assert it.events[-1] == LoginFailed(
            "main", 0.0, Outcome.REJECTED, "status 401", PROBE_INTERVAL, Reason.ROTATION, left=1995.0
        )
        await it.clock.elapse(served.expires_at - it.clock.time() - 1.0)
        assert await it.reuse.token() is served
        assert it.logins == 2 + 3  # with the first try two probes, 15 minutes apart
        await it.clock.elapse(1.0)
        with pytest.raises(LoginRejected):
            await it.reuse.token()


async def test_wrong_keys_put_right_are_tried_at_once() -> None:
    """The next change is seen as the first was."""
    async with running() as it:
        it.issuer.secret, it.issuer.failure = "mistyped", WRONG
        await it.clock.elapse(POLL)
        it.issuer.secret, it.issuer.failure = "right", None
        await it.clock.elapse(POLL)
        assert it.reuse.current() is it.issuer.issued[1]
        assert it.logins == 3


async def test_a_login_that_is_down_is_tried_again_with_the_new_keys() -> None:
    """With backoff, while the old token serves."""
    async with running() as it:
        it.issuer.secret, it.issuer.failure = "rotated", DOWN
        await it.clock.elapse(POLL + 4.0)
        assert it.reuse.current() is it.issuer.issued[0]
        assert it.logins == 1 + 3
        it.issuer.failure = None
        await it.clock.elapse(5.0)
        assert it.reuse.current() is it.issuer.issued[1]


async def test_keys_that_change_while_a_login_is_under_way() -> None:
    """That login ends as it began, and the new keys are tried with the next look."""
    async with running() as it:
        it.issuer.gate.clear()
        await it.clock.elapse(76.0)
        it.issuer.secret = "rotated"
        await it.clock.elapse(2.0)
        it.issuer.gate.set()
        await settled()
        assert it.logins == 2
        await it.clock.elapse(POLL)
        assert it.logins == 3
        assert it.events[-1] == LoginSucceeded("main", 0.0, 100.0, Reason.ROTATION)


async def test_a_secret_that_vanishes_changes_nothing() -> None:
    """A file that an orchestrator takes away and puts back: no login, no gap."""
    async with running() as it:
        it.issuer.unreadable = LoginUnavailable(cause="file gone")
        await it.clock.elapse(20.0)
        it.issuer.unreadable = None
        await it.clock.elapse(20.0)
        assert it.logins == 1
        assert it.reuse.current() is it.issuer.issued[0]


async def test_refused_while_new_keys_are_being_tried() -> None:
    """Whoever rotates may revoke the old token at once: one login serves both."""
    async with running() as it:
        it.issuer.secret = "rotated"
        it.issuer.gate.clear()
        await it.clock.elapse(POLL)
        assert it.reuse.invalidate(it.issuer.issued[0], "a")
        assert it.reuse.current() is None
        it.issuer.gate.set()
        await settled()
        assert it.reuse.current() is it.issuer.issued[1]
        assert it.logins == 2


async def test_secrets_that_cannot_change_are_read_for_logins_alone() -> None:
    """Those of the environment, and those written in the configuration: no timer is set for them."""
    async with running(settle=False) as it:
        it.issuer.poll = None
        await settled()
        assert it.clock.pending == [it.issuer.issued[0].stale_at]
        await it.clock.elapse(60.0)
        assert it.issuer.reads == 1


async def test_a_secret_that_could_not_be_read_at_the_start() -> None:
    """It is tried again with the backoff, and watched once it is there."""
    async with running(settle=False) as it:
        it.issuer.unreadable = LoginUnavailable(cause="file gone")
        await it.clock.elapse(20.0)
        assert (it.logins, it.reuse.state.live) == (0, False)
        it.issuer.unreadable = None
        await it.clock.elapse(20.0)
        assert it.logins == 1
        it.issuer.secret = "rotated"
        await it.clock.elapse(POLL)
        assert it.logins == 2


async def test_what_answers_must_not_show_follows() -> None:
    """The secrets behind the token and those that are tried, and the last four tokens; nothing before a login."""
    async with running(settle=False) as it:
        assert not it.reuse.hidden
        await settled()
        assert list(it.reuse.hidden) == [Secret("first"), Secret("token-1")]
        it.issuer.secret = "rotated"
        await it.clock.elapse(POLL)
        assert list(it.reuse.hidden) == [Secret("rotated"), Secret("token-1"), Secret("token-2")]
        it.issuer.secret, it.issuer.failure = "mistyped", WRONG
        await it.clock.elapse(POLL)
        assert it.reuse.hidden[:2] == (Secret("rotated"), Secret("mistyped"))
        it.issuer.secret, it.issuer.failure = "right", None
        await it.clock.elapse(400.0)
        assert it.logins > 6
        last = (Secret(token.value) for token in it.issuer.issued[-4:])
        assert list(it.reuse.hidden) == [Secret("right"), *last]
