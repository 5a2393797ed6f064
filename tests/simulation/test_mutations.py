"""The simulation finds what it is there to find: each promise is broken on purpose, and it is noticed."""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from proxy import sending
from proxy.core.backoff import Backoff, LoginBudget, Pace
from proxy.core.token import Token
from proxy.exchange import Exchange
from proxy.tokens import login, refresh
from proxy.tokens.refresh import Refresh
from proxy.tokens.reuse import Reuse
from proxy.tokens.singleflight import SingleFlight
from proxy.tokens.source import TokenSource
from proxy.way import Way
from proxy.wire.answer import Answer
from proxy.wire.client import ClientConnection
from proxy.wire.kept import Kept
from proxy.wire.origin import OriginConnection
from proxy.wire.pool import Pool
from proxy.wire.request import Request
from proxy.wire.sweep import Sweep
from tests.simulation.world import run

# A gateway with a defect covers what the others do; the tracer makes it take more than twice as long.
pytestmark = pytest.mark.no_cover

# A defect that shows in none of so many seeds would show in hardly any of those that are run each time.
SEEDS = 200

Before = Callable[..., Any]
Break = Callable[[pytest.MonkeyPatch], None]


def method(owner: type, name: str) -> Callable[[Before], Break]:
    """Return what puts a function in the place of a method; it is given the method first."""

    def decorated(function: Before) -> Break:
        before = getattr(owner, name)

        def apply(monkeypatch: pytest.MonkeyPatch) -> None:
            monkeypatch.setattr(owner, name, lambda *given, **named: function(before, *given, **named))

        apply.__name__ = function.__name__
        return apply

    return decorated


@method(Reuse, "current")
def uses_expired_tokens(_: Before, source: Reuse) -> Token | None:
    """Hand out whatever there is."""
    return source._refresh.token


@method(Refresh, "drop")
def keeps_a_refused_token(_: Before, source: Refresh, token: Token) -> None:
    """Believe no refusal."""


def has_no_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Log in as often as there is a reason."""
    monkeypatch.setattr(LoginBudget, "opens_at", -math.inf)
    monkeypatch.setattr(Backoff, "delay", lambda *_: 0.0)


@method(Pace, "next_login")
def refreshes_at_will(_: Before, pace: Pace, *, refusal: bool) -> float:
    """Leave no second between two refreshes."""
    del refusal
    return max(pace.resume_at, pace.budget.opens_at)


@method(Pace, "rejected")
def hammers_with_wrong_keys(_: Before, pace: Pace, started: float, now: float) -> Pace:
    """Try wrong keys again as if the login were down."""
    return pace.failed(started, now, 0.0)


@method(Exchange, "_recover")
async def replays_twice(before: Before, it: Exchange, source: TokenSource, token: Token, answer: Answer) -> Answer:
    """Do it again if it did not help."""
    answer = await before(it, source, token, answer)
    if it.fact.replay == "refused" and it.token is not None:
        answer = await before(it, source, it.token, answer)
    return answer


@method(Exchange, "_recover")
async def does_not_replay(_: Before, it: Exchange, source: TokenSource, token: Token, answer: Answer) -> Answer:
    """Take note of the refusal, and pass it on."""
    source.invalidate(token, it._what())
    return answer


def sends_anything_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every method for one that may be sent again when a connection died."""
    monkeypatch.setattr(sending, "SAFE", frozenset((b"GET", b"HEAD", b"OPTIONS", b"POST", b"PUT", b"DELETE")))


@method(Exchange, "_reach")
async def sends_what_it_had(_: Before, it: Exchange, origin: OriginConnection | None) -> OriginConnection:
    """Send the token that was current before the wait for a connection."""
    it.origin = origin or await it._connect()
    return it.origin


@method(Exchange, "_release")
def keeps_connections(before: Before, it: Exchange) -> None:
    """Forget the connection of a client that has left."""
    if not it.client.lost:
        before(it)


@method(Exchange, "_tell")
def miscounts(before: Before, it: Exchange) -> None:
    """Count a client that has left as in flight for ever."""
    it.gateway.in_flight += it.client.lost
    before(it)


@method(Pool, "give_back")
def keeps_unclean_connections(before: Before, pool: Pool, connection: OriginConnection) -> None:
    """Use on what has not come to its end."""
    connection.clean = not connection.lost
    before(pool, connection)


@method(ClientConnection, "cut")
def hides_a_cut(_: Before, client: ClientConnection) -> None:
    """End a cut answer as if it were whole."""
    client.write(b"0\r\n\r\n")
    client.finish()


def waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a login take its time."""

    @asynccontextmanager
    async def endless(*_: object) -> AsyncIterator[None]:
        yield

    monkeypatch.setattr(login, "deadline", endless)
    monkeypatch.setattr(refresh, "deadline", endless)


@method(SingleFlight, "close")
async def leaves_a_task(_: Before, flight: SingleFlight[None]) -> None:
    """Stop without an end of the login in flight."""


@method(Sweep, "stop")
def leaves_a_timer(_: Before, sweep: Sweep) -> None:
    """Stop without an end of the sweep."""


@method(Kept, "rewind")
def forgets_bodies(_: Before, kept: Kept) -> None:
    """Send nothing the second time."""


@method(Way, "head")
def has_a_defect(before: Before, way: Way, *given: object, **named: object) -> bytes:
    """Fail for some requests."""
    if any(isinstance(each, Request) and each.method == b"PUT" for each in given):
        raise KeyError
    return bytes(before(way, *given, **named))


@method(Refresh, "_plan")
def forgets_to_try_again(_: Before, source: Refresh) -> None:
    """Set no timer."""


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (uses_expired_tokens, "no expired token on the wire"),
        (keeps_a_refused_token, "no refused token on the wire"),
        (sends_what_it_had, "no refused token on the wire"),
        (has_no_budget, "the login budget holds"),
        (refreshes_at_will, "one refresh a second"),
        (hammers_with_wrong_keys, "rejected keys are probed slowly"),
        (replays_twice, "an origin answers a request twice at most"),
        (sends_anything_again, "what is not safe is sent once"),
        (does_not_replay, "no refusal that could be hidden"),
        (keeps_connections, "a stopped gateway holds nothing"),
        (miscounts, "nothing is in flight without clients"),
        (keeps_unclean_connections, "an answer is the origin's own"),
        (hides_a_cut, "what looks whole is whole"),
        (waits_for_ever, "nobody waits longer than login_timeout"),
        (leaves_a_task, "nothing is left behind"),
        (leaves_a_timer, "nothing is left behind"),
        (forgets_bodies, "a request's body arrives as it was sent"),
        (forgets_to_try_again, "the gateway recovers by itself"),
        (has_a_defect, "there are no internal errors"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_broken_promise_is_noticed(broken: Break, promise: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway with this one defect breaks this promise in one of the first seeds."""
    broken(monkeypatch)
    assert any(promise in found for seed in range(SEEDS) for found in run(seed).broken)
