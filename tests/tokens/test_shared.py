"""Tokens that replicas share: one login for all of them, whatever becomes of it."""

import asyncio
import math
import random
from dataclasses import replace

import pytest

from proxy.core.held import Held
from proxy.core.note import TokenNote
from proxy.core.secret import Secret
from proxy.core.token import Token
from proxy.core.token_events import LoginFailed, LoginSucceeded, StoreFailed, TokenFound, TokenRefused
from proxy.errors import LoginError, LoginRejected, LoginUnavailable
from proxy.tokens.cache import token_cache
from proxy.tokens.seal import Seal
from proxy.tokens.shared import LONGEST_WORD, SHORTEST_WORD, shared
from tests.core.secrets import Given, credential
from tests.tokens.clock import settled
from tests.tokens.issuer import CREDENTIAL
from tests.tokens.replica import Fleet, Replica

DOWN = LoginUnavailable(cause="status 503")
REFUSED = LoginRejected(cause="status 401")


async def issued(replica: Replica, instead_of: Token | None = None) -> Token | LoginError:
    """Return what a replica gets, be it an error."""
    try:
        return await replica.issue(instead_of)
    except LoginError as error:
        return error


async def test_the_second_replica_takes_what_the_first_has_laid_there() -> None:
    """One login; the same text; the same end of its life; the second one says that there was no login."""
    fleet = Fleet()
    one, other = fleet.replicas(2)
    first = await one.issue()
    fleet.clock.advance(30)
    second = await other.issue()
    assert (second.value, second.issued_at, second.expires_at) == (first.value, first.issued_at, first.expires_at)
    assert fleet.logins == 1
    assert (one.events, other.events) == ([], [TokenFound("main", 70.0)])


async def test_replicas_that_start_together_log_in_once() -> None:
    """One of them logs in, the others wait for its token; no lock is left behind."""
    fleet = Fleet()
    fleet.issuer.gate.clear()
    asked = [asyncio.create_task(replica.issue()) for replica in fleet.replicas(8)]
    await fleet.clock.elapse(5.0)
    assert not any(task.done() for task in asked)
    fleet.issuer.gate.set()
    await fleet.clock.elapse(0.2)
    assert {(await task).value for task in asked} == {"token-1"}
    assert fleet.logins == 1
    assert fleet.store.locks == {}
    assert fleet.clock.pending == []


async def test_a_stale_token_is_replaced_once_for_all() -> None:
    """Each gives up the one it has; the first logs in, the others find the newer one."""
    fleet = Fleet()
    replicas = fleet.replicas(4)
    old = [await replica.issue() for replica in replicas]
    fleet.clock.advance(80)
    new = [await replica.issue(token) for replica, token in zip(replicas, old, strict=True)]
    assert {token.value for token in new} == {"token-2"}
    assert fleet.logins == 2


async def test_over_many_lifetimes_there_is_one_login_each() -> None:
    """Whole sources with their timers: ten lifetimes, four replicas, ten logins more than the first."""
    fleet = Fleet()
    replicas = fleet.replicas(4)
    for replica in replicas:
        replica.reuse.start()
    await fleet.clock.elapse(1.0)
    for _ in range(10):
        await fleet.clock.elapse(75.0)
        assert len({(await replica.reuse.token()).value for replica in replicas}) == 1
    assert fleet.logins == 11
    assert sum(replica.told(LoginSucceeded) for replica in replicas) == fleet.logins
    assert sum(replica.told(TokenFound) for replica in replicas) == 3 * fleet.logins
    for replica in replicas:
        await replica.reuse.close()
    assert fleet.clock.pending == []


async def test_a_token_that_was_refused_is_not_taken_from_the_store_again() -> None:
    """Two replicas whose token is revoked: one login, the other finds its token."""
    fleet = Fleet()
    one, other = fleet.replicas(2)
    dead = [await replica.reuse.token() for replica in (one, other)]
    newer = [await replica.reuse.renew(token, "a") for replica, token in zip((one, other), dead, strict=True)]
    assert [token and token.value for token in newer] == ["token-2", "token-2"]
    assert fleet.logins == 2
    assert [one.told(TokenRefused), other.told(TokenRefused)] == [1, 1]
    await one.reuse.close()
    await other.reuse.close()


async def test_a_token_from_the_store_is_no_login() -> None:
    """Neither in the events nor in the counts; it is live all the same, and refreshed ahead."""
    fleet = Fleet()
    await fleet.replica().issue()
    late = fleet.replica()
    assert (await late.reuse.token()).value == "token-1"
    state = late.reuse.state
    assert (state.live, state.logins, state.refreshes) == (True, {}, {})
    assert late.events == [TokenFound("main", 100.0)]
    await fleet.clock.elapse(75.0)
    assert (await late.reuse.token()).value == "token-2"
    await late.reuse.close()


async def test_a_stale_token_serves_a_restart_while_the_login_is_down() -> None:
    """It is handed out at once, and the failure behind it reaches nobody."""
    fleet = Fleet()
    await fleet.replica().issue()
    fleet.clock.advance(80)
    fleet.issuer.failure = DOWN
    restarted = fleet.replica()
    assert (await restarted.reuse.token()).value == "token-1"
    await fleet.clock.elapse(0.5)
    assert restarted.told(LoginFailed) == 1
    assert (await restarted.reuse.token()).value == "token-1"
    await restarted.reuse.close()


@pytest.mark.parametrize("age", [90.0, 99.9, 100.0, 500.0])
async def test_one_that_hardly_lives_is_left(age: float) -> None:
    """It would be gone before another could take its place."""
    fleet = Fleet()
    await fleet.replica().issue()
    fleet.clock.advance(age)
    assert (await fleet.replica().issue()).value == "token-2"


@pytest.mark.parametrize("counts", [True, False])
async def test_lifetimes_are_counted_from_the_login_on_each_clock(counts: bool) -> None:
    """Whether the store counts or the wall clock does: half a life later half a life is left."""
    fleet = Fleet()
    fleet.store.counts = counts
    await fleet.replica().issue()
    fleet.clock.advance(50)
    token = await fleet.replica().issue()
    assert token.expires_at - fleet.clock.time() == pytest.approx(50.0)
    assert token.stale_at - fleet.clock.time() == pytest.approx(25.0)


async def test_what_is_held_is_never_stored() -> None:
    """A static token stands behind no store, nor does anything where there is none."""
    fleet = Fleet()
    cache = token_cache(fleet.clock)
    held = replace(CREDENTIAL, recipe=Held(Given("secret")))
    for each, store in ((held, fleet.store), (credential(), None)):
        made = shared(fleet.issuer, each, store, clock=fleet.clock, cache=cache, on_event=lambda _event: None)
        assert made is fleet.issuer
    made = shared(fleet.issuer, CREDENTIAL, fleet.store, clock=fleet.clock, cache=cache, on_event=lambda _event: None)
    assert made is not fleet.issuer


# --- logins that fail
@pytest.mark.parametrize("failure", [DOWN, REFUSED])
async def test_a_failure_is_that_of_all_who_waited_for_it(failure: LoginError) -> None:
    """Eight start, one login, eight failures of its kind with its cause; the lock is free."""
    fleet = Fleet()
    fleet.issuer.failure = failure
    fleet.issuer.gate.clear()
    asked = [asyncio.create_task(issued(replica)) for replica in fleet.replicas(8)]
    await fleet.clock.elapse(0.0)
    fleet.issuer.gate.set()
    await fleet.clock.elapse(0.3)
    errors = [await task for task in asked]
    assert {type(error) for error in errors} == {type(failure)}
    assert all(isinstance(error, LoginError) and failure.cause in error.cause for error in errors)
    assert fleet.logins == 1
    assert fleet.store.locks == {}


async def test_refused_keys_are_believed_by_those_who_waited_alone() -> None:
    """Whoever comes later hears that there was a failure, and finds out himself once the word of it is gone."""
    fleet = Fleet()
    fleet.issuer.failure = REFUSED
    assert isinstance(await issued(fleet.replica()), LoginRejected)
    late = fleet.replica()
    assert isinstance(await issued(late), LoginUnavailable)
    assert fleet.logins == 1
    fleet.clock.advance(LONGEST_WORD)
    assert isinstance(await issued(late), LoginRejected)
    assert fleet.logins == 2


async def test_nobody_is_bound_by_his_own_failure() -> None:
    """Whoever failed keeps his own pace: asked to log in, he does."""
    fleet = Fleet()
    fleet.issuer.failure = DOWN
    one = fleet.replica()
    assert [type(await issued(one)) for _ in range(3)] == [LoginUnavailable] * 3
    assert fleet.logins == 3


async def test_the_word_of_a_failure_lasts_longer_with_each() -> None:
    """A quarter of the backoff, but at least a second and at most ten."""
    fleet = Fleet()
    fleet.issuer.failure = DOWN
    one = fleet.replica()
    lasts = []
    for _ in range(9):
        await issued(one)
        (_, until) = fleet.store.entries[fleet.seal.failure]
        lasts.append(until - fleet.clock.time())
    assert lasts == pytest.approx([SHORTEST_WORD, 1, 1, 2, 4, 8, LONGEST_WORD, LONGEST_WORD, LONGEST_WORD])


@pytest.mark.parametrize("seed", range(10))
async def test_a_fleet_whose_login_is_down_keeps_the_budget_of_one_gateway(seed: int) -> None:
    """Eight replicas, ten minutes: without a store there were 8 x 10 logins; each replica is back within its step."""
    fleet = Fleet()
    fleet.issuer.failure = DOWN
    replicas = [fleet.replica(random=random.Random(seed + number).random) for number in range(8)]
    for replica in replicas:
        replica.reuse.start()
    await fleet.clock.elapse(600.0)
    busiest = max(sum(start <= at < start + 60 for at in fleet.issuer.logins) for start in fleet.issuer.logins)
    assert busiest <= 6
    assert fleet.logins <= 20
    fleet.issuer.failure = None
    await fleet.clock.elapse(600.0)
    assert all(replica.reuse.state.live for replica in replicas)
    for replica in replicas:
        await replica.reuse.close()


async def test_other_keys_have_an_entry_of_their_own() -> None:
    """Rotated keys never get a token of the old ones, nor word of their failure."""
    fleet = Fleet()
    await fleet.replica().issue()
    fleet.issuer.secret = "second"
    assert (await fleet.replica().issue()).value == "token-2"
    assert len(fleet.store.entries) == 2


# --- time and cancellation
async def test_nobody_waits_longer_than_the_login_timeout() -> None:
    """A holder that hangs: the one who waits is told so, and leaves no timer."""
    fleet = Fleet()
    fleet.issuer.gate.clear()
    holder, waiting = fleet.replicas(2)
    held = asyncio.create_task(issued(holder))
    await settled()
    waits = asyncio.create_task(issued(waiting))
    await fleet.clock.elapse(9.9)
    assert not waits.done()
    await fleet.clock.elapse(0.1)
    error = await waits
    assert isinstance(error, LoginUnavailable)
    assert "within 10 s" in error.cause
    assert isinstance(await held, LoginUnavailable)
    assert fleet.store.locks == {}
    assert fleet.clock.pending == []


@pytest.mark.parametrize("turns", range(40))
async def test_wherever_a_cancellation_strikes_no_lock_is_left(turns: int) -> None:
    """The next one logs in, or finds the token, without a wait."""
    fleet = Fleet()
    leaver, stayer = fleet.replicas(2)
    leaving = asyncio.create_task(issued(leaver))
    for _ in range(turns):
        await asyncio.sleep(0)
    leaving.cancel()
    (left,) = await asyncio.gather(leaving, return_exceptions=True)
    assert isinstance(left, asyncio.CancelledError | Token)
    assert fleet.store.locks == {}
    assert isinstance(await issued(stayer), Token)
    assert fleet.logins <= 2
    assert fleet.clock.pending == []


async def test_a_holder_whose_lock_is_another_s_lays_nothing_there() -> None:
    """It was stopped for too long: its own token serves itself alone, and the newer one stays."""
    fleet = Fleet()
    slow, quick = fleet.replicas(2)
    fleet.issuer.gate.clear()
    holding = asyncio.create_task(slow.issue())
    await settled()
    fleet.store.locks.clear()
    fleet.issuer.flying = 0
    quick_issuer = type(fleet.issuer)(fleet.clock, logins=[0.0])
    quick = fleet.replica(quick_issuer)
    assert (await quick.issue()).value == "token-2"
    fleet.issuer.flying = 1
    fleet.issuer.gate.set()
    assert (await holding).value == "token-1"
    assert (await fleet.replica().issue()).value == "token-2"


# --- a store that is of no use is tested in test_store_faults.py; what lies in it that is not ours:
FOREIGN = {
    "garbage": b"not ours",
    "nothing": b"",
    "of another identity": Seal("another").close(TokenNote("theirs", 100.0, 0.0)),
}


@pytest.mark.parametrize("sealed", FOREIGN.values(), ids=FOREIGN)
async def test_what_is_not_ours_is_written_over(sealed: bytes) -> None:
    """One login, a warning, and the next replica finds the token."""
    fleet = Fleet()
    fleet.store.entries[fleet.seal.name] = sealed, math.inf
    fleet.store.entries[fleet.seal.failure] = sealed, math.inf
    one, other = fleet.replicas(2)
    assert (await one.issue()).value == "token-1"
    assert [type(event).__name__ for event in one.events] == ["StoreFailed", "StoreRestored"]
    assert one.events[0] == StoreFailed("main", "what lies in the store is not ours, or damaged")
    assert (await other.issue()).value == "token-1"
    assert fleet.logins == 1


async def test_notes_in_each_other_s_place_are_passed_over() -> None:
    """Word of a failure where a token belongs is no token, and the other way round is no failure."""
    fleet = Fleet()
    fleet.issuer.failure = DOWN
    await issued(fleet.replica())
    fleet.issuer.failure = None
    entries, seal = fleet.store.entries, fleet.seal
    entries[seal.name] = entries[seal.failure]
    entries[seal.failure] = seal.close(TokenNote("token-0", 100.0, fleet.wall())), math.inf
    assert (await fleet.replica().issue()).value == "token-2"


async def test_neither_token_nor_secret_lie_in_the_store() -> None:
    """Not a byte of them, in names or in what is kept."""
    fleet = Fleet()
    await fleet.replica().issue()
    shown = repr(fleet.store.entries)
    assert "token-1" not in shown
    assert "first" not in shown
    assert Secret("first").reveal() not in shown
