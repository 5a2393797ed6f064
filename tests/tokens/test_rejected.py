"""Keys that the platform refused are not tried again, until they change or a slow probe is due."""

import pytest

from proxy.core.backoff import PROBE_INTERVAL
from proxy.core.token_events import LoginFailed, Outcome, Reason
from proxy.errors import LoginRejected, LoginUnavailable
from tests.tokens.clock import settled
from tests.tokens.issuer import POLL, running

WRONG = LoginRejected(cause="status 401")


async def test_wrong_keys_cost_four_logins_an_hour() -> None:
    """Callers are told at once and cause none."""
    async with running(settle=False) as it:
        it.issuer.failure = WRONG
        await settled()
        for _ in range(3599):
            with pytest.raises(LoginRejected):
                await it.reuse.token()
            await it.clock.elapse(1.0)
        assert it.logins == 4
        assert it.reuse.state.next_attempt == 1000.0 + 4 * PROBE_INTERVAL
        assert it.events[0] == LoginFailed("main", 0.0, Outcome.REJECTED, "status 401", PROBE_INTERVAL, Reason.START)


async def test_a_probe_that_succeeds_ends_it() -> None:
    """Keys that were put right on the platform's side."""
    async with running(settle=False) as it:
        it.issuer.failure = WRONG
        await settled()
        it.issuer.failure = None
        await it.clock.elapse(PROBE_INTERVAL)
        assert it.reuse.state.live
        assert it.logins == 2


async def test_a_changed_secret_logs_in_within_seconds() -> None:
    """The next look finds it."""
    async with running(settle=False) as it:
        it.issuer.failure = WRONG
        await it.clock.elapse(60.0)
        assert it.logins == 1
        it.issuer.failure, it.issuer.secret = None, "rotated"
        await it.clock.elapse(POLL)
        assert it.reuse.current() is it.issuer.issued[0]
        assert it.logins == 2


async def test_a_changed_secret_may_be_wrong_too() -> None:
    """One login each, within the budget however fast they change."""
    async with running(settle=False) as it:
        it.issuer.failure = WRONG
        for number in range(11):
            it.issuer.secret = f"guess {number}"
            await it.clock.elapse(POLL)
        assert it.logins == 6
        it.issuer.secret, it.issuer.failure = "right", None
        await it.clock.elapse(60.0)
        assert it.reuse.state.live


async def test_a_secret_that_cannot_be_read_meanwhile_is_no_change() -> None:
    """A file between two versions: nothing happens until it is there again, with another value."""
    async with running(settle=False) as it:
        it.issuer.failure = WRONG
        await settled()
        it.issuer.unreadable = LoginUnavailable(cause="file gone")
        await it.clock.elapse(20.0)
        it.issuer.unreadable = None
        await it.clock.elapse(20.0)
        assert it.logins == 1
        it.issuer.secret = "rotated"
        await it.clock.elapse(POLL)
        assert it.logins == 2


async def test_what_cannot_change_is_not_looked_at() -> None:
    """Secrets of the environment or of a command: the slow probe alone."""
    async with running(settle=False) as it:
        it.issuer.failure, it.issuer.poll = WRONG, None
        await it.clock.elapse(PROBE_INTERVAL - 1)
        assert it.issuer.reads == 1
        await it.clock.elapse(1.0)
        assert it.logins == 2


async def test_a_live_token_serves_to_its_end() -> None:
    """Keys deleted on the platform: what was bought with them is used up, then callers are told."""
    async with running() as it:
        it.issuer.failure = WRONG
        await it.clock.elapse(99.0)
        assert await it.reuse.token() is it.issuer.issued[0]
        assert await it.reuse.fresh() is it.issuer.issued[0]
        assert it.logins == 2
        await it.clock.elapse(1.0)
        with pytest.raises(LoginRejected):
            await it.reuse.token()
        assert it.logins == 2


async def test_a_refused_token_and_refused_keys_leave_nothing() -> None:
    """Whoever was refused is told that the keys are wrong."""
    async with running() as it:
        it.issuer.failure = WRONG
        with pytest.raises(LoginRejected):
            await it.reuse.renew(it.issuer.issued[0], "a")
        with pytest.raises(LoginRejected):
            await it.reuse.renew(it.issuer.issued[0], "b")
        assert it.logins == 2


async def test_a_probe_that_meets_another_fault_proves_nothing() -> None:
    """Keys once refused stay refused: no quick retries with them because the platform was down for a probe."""
    async with running(settle=False) as it:
        it.issuer.failure = WRONG
        await settled()
        it.issuer.failure = LoginUnavailable(cause="status 503")
        await it.clock.elapse(PROBE_INTERVAL * 2 + 1)
        assert it.logins == 3
        with pytest.raises(LoginRejected):
            await it.reuse.token()
        assert it.reuse.state.outcome is Outcome.UNAVAILABLE


async def test_a_refresh_on_request_tries_refused_keys() -> None:
    """Somebody has put them right and does not want to wait for the probe."""
    async with running(settle=False) as it:
        it.issuer.failure = WRONG
        await it.clock.elapse(10.0)
        with pytest.raises(LoginRejected):
            await it.reuse.refresh()
        it.issuer.failure = None
        await it.clock.elapse(1.0)
        assert await it.reuse.refresh() is it.issuer.issued[0]
        assert it.logins == 3


async def test_close_ends_the_watch() -> None:
    """Also in the midst of a look at the secrets; the rig sees that no timer is left."""
    async with running(settle=False) as it:
        it.issuer.failure = WRONG
        await settled()
        it.clock.advance(POLL)
