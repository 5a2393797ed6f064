"""A store that is of no use is nobody's problem: logins are made without it, and it is tried again."""

import asyncio
import threading

import pytest

from proxy.core.token_events import StoreFailed, StoreRestored
from proxy.errors import LoginUnavailable, StoreError
from proxy.tokens.seal import _THREADS
from tests.tokens.clock import settled
from tests.tokens.replica import Fleet

GONE = StoreError("redis://cache cannot be reached: Connection refused")
CALLS = ("read", "lock", "put", "release")


@pytest.mark.parametrize("call", CALLS)
async def test_whatever_fails_there_is_one_login_and_a_token(call: str) -> None:
    """Never two logins for one token, and never an error."""
    fleet = Fleet()
    fleet.store.failures[call] = GONE
    one = fleet.replica()
    assert (await one.issue()).value == "token-1"
    assert fleet.logins == 1
    assert one.events == ([] if call == "release" else [StoreFailed("main", str(GONE))])


@pytest.mark.parametrize("call", CALLS)
async def test_a_store_that_hangs_costs_two_seconds(call: str) -> None:
    """Wherever it hangs: then one login is made, or its token goes on, and the event says why."""
    fleet = Fleet()
    fleet.store.hangs.add(call)
    one = fleet.replica()
    asked = asyncio.create_task(one.issue())
    await fleet.clock.elapse(4.1)
    assert (await asked).value == "token-1"
    assert fleet.logins == 1
    said = [] if call == "release" else [StoreFailed("main", "the store has given no answer within 2 s")]
    assert one.events == said
    assert fleet.clock.pending == []


async def test_it_is_told_once_when_it_begins_when_its_cause_changes_and_when_it_ends() -> None:
    """The log is no place to count logins; the next login tries the store again."""
    fleet = Fleet()
    one = fleet.replica()
    fleet.store.failures["read"] = GONE
    token = await one.issue()
    token = await one.issue(token)
    fleet.store.failures["read"] = StoreError("redis://cache answers LOADING")
    token = await one.issue(token)
    fleet.store.failures.clear()
    token = await one.issue(token)
    await one.issue(token)
    assert [type(event) for event in one.events] == [StoreFailed, StoreFailed, StoreRestored]
    assert fleet.logins == 5


async def test_a_seal_that_takes_too_long_costs_half_of_the_time_and_is_there_for_the_next_login() -> None:
    """A machine with no core to spare: the login is made without the store, the one after it with it."""
    fleet = Fleet()
    one = fleet.replica()
    one.notes._seal = None
    busy = threading.Event()
    holding = [_THREADS.submit(busy.wait) for _ in range(_THREADS._max_workers)]
    asked = asyncio.create_task(one.issue())
    await fleet.clock.elapse(4.9)
    assert fleet.logins == 0
    await fleet.clock.elapse(0.1)
    token = await asked
    assert one.events == [StoreFailed("main", "the store has given no answer within 5 s")]
    assert fleet.store.reads == 0
    busy.set()
    for each in holding:
        each.result()
    await one.issue(token)
    assert fleet.logins == 2
    assert list(fleet.store.entries) == [fleet.seal.name]


async def test_a_seal_that_cannot_be_derived_is_tried_again() -> None:
    """For want of memory, say: the next login derives it anew."""
    fleet = Fleet()
    one = fleet.replica()
    failed = asyncio.get_running_loop().create_future()
    failed.set_exception(StoreError("no key could be derived: MemoryError"))
    one.notes._seal = "key of first", failed
    token = await one.issue()
    assert one.events == [StoreFailed("main", "no key could be derived: MemoryError")]
    await one.issue(token)
    assert list(fleet.store.entries) == [fleet.seal.name]


async def test_each_logs_in_while_it_is_gone_and_all_come_back_to_one_token() -> None:
    """Four replicas: four logins in the lifetime without it, one in each behind it."""
    fleet = Fleet()
    issuers = [type(fleet.issuer)(fleet.clock, logins=[0.0] * 10 * number) for number in range(4)]
    replicas = [fleet.replica(issuer) for issuer in issuers]
    fleet.store.failures["lock"] = GONE
    for replica in replicas:
        replica.reuse.start()
    await fleet.clock.elapse(1.0)
    assert len({(await replica.reuse.token()).value for replica in replicas}) == 4
    fleet.store.failures.clear()
    before = sum(len(issuer.logins) for issuer in issuers)
    for lifetime in range(1, 4):
        await fleet.clock.elapse(76.0)
        assert len({(await replica.reuse.token()).value for replica in replicas}) == 1
        assert sum(len(issuer.logins) for issuer in issuers) == before + lifetime
    for replica in replicas:
        await replica.reuse.close()


async def test_a_login_that_fails_without_the_store_fails_as_it_would_alone() -> None:
    """The caller hears of the login, not of the store."""
    fleet = Fleet()
    fleet.store.failures["read"] = GONE
    fleet.issuer.failure = LoginUnavailable(cause="status 503")
    with pytest.raises(LoginUnavailable) as failed:
        await fleet.replica().issue()
    assert failed.value.cause == "status 503"
    assert fleet.logins == 1


async def test_a_failed_login_is_told_even_if_its_word_cannot_be_left() -> None:
    """What went wrong at the login goes before what went wrong with the store."""
    fleet = Fleet()
    fleet.store.failures["put"] = GONE
    fleet.issuer.failure = LoginUnavailable(cause="status 503")
    one = fleet.replica()
    with pytest.raises(LoginUnavailable, match="does not give it one"):
        await one.issue()
    assert [type(event) for event in one.events] == [StoreFailed]


async def test_a_hanging_store_never_takes_more_than_the_login_timeout() -> None:
    """The store's time comes off the login's: a caller waits no longer than without a store."""
    fleet = Fleet()
    fleet.store.gate.clear()
    fleet.issuer.gate.clear()
    asked = asyncio.create_task(fleet.replica().issue())
    await fleet.clock.elapse(10.0)
    await settled()
    with pytest.raises(LoginUnavailable):
        await asked
    assert fleet.clock.pending == []
