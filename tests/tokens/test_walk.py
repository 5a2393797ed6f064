"""A random walk through everything that can happen to a token, watched by the promises that hold at every step."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.backoff import BUDGET, WINDOW
from proxy.core.token import Phase, Token
from proxy.core.token_events import LoginFailed, LoginSucceeded, Reason
from proxy.errors import LoginError, LoginRejected, LoginUnavailable
from tests.tokens.clock import settled
from tests.tokens.issuer import Rig, rig

FAILURES = {
    "works": None,
    "down": LoginUnavailable(cause="status 503"),
    "wrong": LoginRejected(cause="status 401"),
    "defect": KeyError("the-secret"),
}
WHATS = st.sampled_from(["a", "b", "c"])
STEPS = st.one_of(
    st.tuples(st.just("elapse"), st.sampled_from([0.0, 0.3, 1.0, 5.0, 20.0, 61.0, 300.0, 1000.0])),
    st.tuples(st.just("platform"), st.sampled_from(sorted(FAILURES))),
    st.tuples(st.just("lifetime"), st.sampled_from([0.5, 3.0, 100.0, 3600.0])),
    st.tuples(st.just("hold"), st.booleans()),
    st.tuples(st.just("rotate"), st.integers(0, 3)),
    st.tuples(st.sampled_from(["token", "fresh", "refresh"]), st.integers(1, 5)),
    st.tuples(st.sampled_from(["renew", "invalidate", "replay_refused", "accepted", "late"]), WHATS),
    st.tuples(st.just("leave"), st.integers(0, 3)),
)


@dataclass
class Walk:
    """The walker: it does what it is told to, and looks at every token that it is handed."""

    it: Rig = field(default_factory=rig)
    dead: set[Token] = field(default_factory=set)
    seen: list[Token] = field(default_factory=list)
    callers: list[asyncio.Task[None]] = field(default_factory=list)
    errors: list[LoginError] = field(default_factory=list)

    async def step(self, name: str, value: object) -> None:
        """Take a step."""
        it = self.it
        match name, value:
            case "elapse", float(seconds):
                await it.clock.elapse(seconds)
            case "platform", str(mood):
                it.issuer.failure = FAILURES[mood]
            case "lifetime", float(seconds):
                it.issuer.lifetime = seconds
            case "hold", bool(held):
                (it.issuer.gate.clear if held else it.issuer.gate.set)()
            case "rotate", int(number):
                it.issuer.secret = f"secret {number}"
            case "token" | "fresh" | "refresh" as call, int(count):
                self.call(getattr(it.reuse, call) for _ in range(count))
            case "leave", int(number) if number < len(self.callers):
                self.callers[number].cancel()
            case _, str(what):
                self.refusal(name, what)
        await settled()
        self.look(it.reuse.current())

    def refusal(self, name: str, what: str) -> None:
        """Tell the source what has become of a request."""
        reuse = self.it.reuse
        if name == "late" and self.seen:
            self.call([lambda: reuse.renew(self.seen[0], what)])
        token = reuse.current()
        if token is None:
            return
        match name:
            case "renew":
                self.call([lambda: self.renew(token, what)])
            case "invalidate" if reuse.invalidate(token, what):
                self.dead.add(token)
            case "replay_refused":
                reuse.replay_refused(token, what)
            case "accepted":
                reuse.accepted(token, what, self.it.clock.time())

    async def renew(self, token: Token, what: str) -> Token | None:
        """Have a token renewed; if that is granted, it is dead from that moment on."""
        believed = self.it.reuse.invalidate(token, what)
        if not believed:
            return None
        self.dead.add(token)
        return await self.it.reuse.renew(token, what)

    def call(self, calls: Iterable[Callable[[], Awaitable[Token | None]]]) -> None:
        """Begin calls, and look at what they return."""
        self.callers += [asyncio.create_task(self.caller(each)) for each in calls]

    async def caller(self, call: Callable[[], Awaitable[Token | None]]) -> None:
        """Be one caller: whoever gets no token gets an error of ours."""
        try:
            self.look(await call())
        except LoginError as error:
            self.errors.append(error)

    def look(self, token: Token | None) -> None:
        """Hold a token against the promises: never expired, never one whose refusal was believed."""
        if token is not None:
            assert token.phase(self.it.clock.time()) is not Phase.EXPIRED
            assert token not in self.dead
            self.seen.append(token)

    def budget(self) -> list[float]:
        """Return when the logins began that count: those that failed, and those that refusals caused."""
        ends = (event for event in self.it.events if isinstance(event, LoginFailed | LoginSucceeded))
        return [
            start
            for start, event in zip(self.it.issuer.logins, ends, strict=False)
            if isinstance(event, LoginFailed) or event.reason is Reason.REFUSAL
        ]

    async def end(self) -> None:
        """Close, and see that nothing is left."""
        self.it.issuer.gate.set()
        await self.it.reuse.close()
        for caller in self.callers:
            with suppress(asyncio.CancelledError):
                await caller
        assert self.it.clock.pending == []
        assert all(error.retry_after is not None and error.retry_after >= 1.0 for error in self.errors)
        assert not any("secret" in error.cause for error in self.errors)


async def walk(steps: list[tuple[str, object]]) -> Walk:
    """Take the steps from a source that has just been started."""
    made = Walk()
    made.it.reuse.start()
    for name, value in steps:
        await made.step(name, value)
    await made.end()
    return made


@settings(deadline=None, max_examples=300)
@given(st.lists(STEPS, max_size=40))
def test_the_promises_hold_wherever_the_walk_leads(steps: list[tuple[str, object]]) -> None:
    """No expired or refused token, no error without a time to come back, and never more logins than the budget."""
    made = asyncio.run(walk(steps))
    counted = made.budget()
    assert all(later >= first + WINDOW for first, later in zip(counted, counted[BUDGET:], strict=False))


@settings(deadline=None, max_examples=50)
@given(st.lists(STEPS, max_size=30))
def test_from_everywhere_the_gateway_recovers_by_itself(steps: list[tuple[str, object]]) -> None:
    """Once the platform works again, there is a live token within the longest pause, with nobody asking."""

    async def recovered() -> bool:
        made = Walk()
        made.it.reuse.start()
        for name, value in steps:
            await made.step(name, value)
        made.it.issuer.failure, made.it.issuer.lifetime = None, 3600.0
        made.it.issuer.gate.set()
        await made.it.clock.elapse(1000.0)
        live = made.it.reuse.state.live
        await made.end()
        return live

    assert asyncio.run(recovered())
