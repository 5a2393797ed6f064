"""Tokens survive a reload of the configuration, each for the identity that bought it."""

from proxy.core.token_events import LoginSucceeded
from proxy.tokens.cache import CACHE_SIZE, token_cache
from tests.tokens.clock import FakeClock, settled
from tests.tokens.issuer import Rig, rig

KEY = "key of first"


async def started(clock: FakeClock, before: Rig | None = None, identity: str = "first") -> Rig:
    """Start a source, on the cache of the one before it."""
    made = rig(clock, before.cache if before else None)
    made.issuer.secret = identity
    made.reuse.start()
    await settled()
    return made


async def test_a_new_source_starts_with_the_token_of_the_old_one() -> None:
    """No login, no event; the timer goes on where it was."""
    clock = FakeClock()
    old = await started(clock)
    await old.reuse.close()
    new = await started(clock, old)
    assert new.reuse.current() is old.issuer.issued[0]
    assert new.logins == 0
    assert new.events == []
    assert new.reuse.state.next_attempt == 1075.0
    await clock.elapse(75.0)
    assert new.logins == 1
    await new.reuse.close()


async def test_fifty_reloads_cost_one_login() -> None:
    """With the old source closed before or after the new one starts."""
    clock = FakeClock()
    last = await started(clock)
    logins = last.logins
    for _ in range(50):
        new = await started(clock, last)
        await last.reuse.close()
        logins += new.logins
        last = new
    await last.reuse.close()
    assert logins == 1


async def test_another_secret_is_another_identity() -> None:
    """Its token is its own; the other's is not served to it."""
    clock = FakeClock()
    old = await started(clock)
    await old.reuse.close()
    new = await started(clock, old, identity="second")
    assert new.reuse.current() is new.issuer.issued[0]
    assert new.logins == 1
    await new.reuse.close()


async def test_a_stale_token_is_taken_over_and_refreshed() -> None:
    """At once; meanwhile it serves."""
    clock = FakeClock()
    old = await started(clock)
    await old.reuse.close()
    clock.advance(80.0)
    new = await started(clock, old)
    assert new.reuse.current() is old.issuer.issued[0]
    await clock.elapse(0.0)
    assert new.reuse.current() is new.issuer.issued[0]
    await new.reuse.close()


async def test_an_expired_token_is_not_taken_over() -> None:
    """The cache has let go of it."""
    clock = FakeClock()
    old = await started(clock)
    await old.reuse.close()
    clock.advance(100.0)
    new = await started(clock, old)
    assert new.logins == 1
    await new.reuse.close()


async def test_a_refused_token_is_not_taken_over() -> None:
    """Invalidated is invalidated, for the configurations to come as well."""
    clock = FakeClock()
    old = await started(clock)
    old.issuer.gate.clear()
    assert old.reuse.invalidate(old.issuer.issued[0], "a")
    await old.reuse.close()
    new = await started(clock, old)
    assert new.logins == 1
    await new.reuse.close()


async def test_a_refusal_leaves_the_newer_token_of_another_source_alone() -> None:
    """Only that very token goes from the cache."""
    clock = FakeClock()
    old = await started(clock)
    new = await started(clock, old)
    await clock.elapse(1.0)
    newer = await new.reuse.refresh()
    old.issuer.gate.clear()
    old.reuse.invalidate(old.issuer.issued[0], "a")
    assert new.cache[KEY] is newer
    assert [type(event) for event in new.events] == [LoginSucceeded]
    await old.reuse.close()
    await new.reuse.close()


def test_the_cache_is_bounded() -> None:
    """A few hundred tokens, whatever the number of reloads."""
    assert token_cache(FakeClock()).maxsize == CACHE_SIZE
    assert token_cache(FakeClock(), 1000).maxsize == 2000
