"""Of which exchanges all is kept, and what is kept of the others: a budget that a test has in its hands."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from proxy.inspector.capture import Capture
from proxy.inspector.entry import GIVEN_UP, NOTHING, Entry
from proxy.inspector.har import har_entry
from proxy.inspector.preview import LIMIT, WHOLE, Budget
from proxy.inspector.ring import Ring
from proxy.inspector.shown import detail
from proxy.inspector.timing import reasons
from tests.fakes.gateway import Bench, gateway_to
from tests.fakes.origin import OK, UNAUTHORIZED, Script, Visit, always_ok, raw_origin
from tests.fakes.tokens import FakeSource

pytestmark = pytest.mark.usefixtures("loop_factory")


class Inspected:
    """A gateway whose exchanges are noted within a budget that gets nothing but what a test gives it."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.budget = Budget(float)
        self._capture = Capture(asyncio.get_running_loop(), Ring(), self.budget)
        self._capture.attach(bench.gateway)

    def entries(self) -> list[Entry]:
        """Return what is kept, the oldest first."""
        self._capture.flush()
        return list(self._capture.ring)


@contextlib.asynccontextmanager
async def inspected(script: Script = always_ok, source: FakeSource | None = None) -> AsyncIterator[Inspected]:
    """Run a gateway in front of an origin."""
    async with raw_origin(script) as origin, gateway_to(origin.port, source=source) as bench:
        yield Inspected(bench)


async def test_it_is_decided_when_an_exchange_begins() -> None:
    """As long as one more could be kept whole, all are; then lines alone, in the order in which they ended."""
    async with inspected() as it, it.bench.client() as client:
        for left in (WHOLE, WHOLE - 1, 0, 2 * WHOLE):
            it.budget.left = left
            assert (await client.get(f"/{left}")).body == b"ok"
        await it.bench.facts(4)
        entries = it.entries()
    assert [(each.number, each.shed) for each in entries] == [(1, False), (2, True), (3, True), (4, False)]
    assert [each.fact.target for each in entries] == [b"/%d" % left for left in (WHOLE, WHOLE - 1, 0, 2 * WHOLE)]
    assert [each.answer for each in entries if each.shed] == [GIVEN_UP, GIVEN_UP]
    assert all(each.host == b"gateway" and each.fact.status == 200 for each in entries)
    assert all(0 < each.took < 60 and each.at > 1e9 for each in entries)


async def test_what_was_shed_is_redacted() -> None:
    """Its target, by names and by what looks like the token; one among others, on a second look too."""
    source = FakeSource()
    secret = source.hidden[0].reveal()
    async with inspected(source=source) as it, it.bench.client() as client:
        it.budget.left = 0
        for target in ("/plain", f"/in?sig={secret}&x=1", "/a?token=callers-own&x=1", "/plain"):
            await client.get(target)
        await it.bench.facts(4)
        shown = [detail(each, "http://gateway") for each in it.entries()]
    targets = [each["target"] for each in shown]
    assert targets == ["/plain", f"/in?sig={'*' * len(secret)}&x=1", "/a?token=****&x=1", "/plain"]
    assert secret not in repr(shown)
    assert "callers-own" not in repr(shown)


async def test_what_was_shed_says_so() -> None:
    """What is not there is not made up: no body where there was one, no first byte; it is not to be sent again."""
    async with inspected() as it, it.bench.client() as client:
        await client.get()
        it.budget.left = 0
        await client.send(b"POST /x HTTP/1.1\r\nHost: gateway\r\nContent-Length: 4\r\n\r\nbody")
        assert (await client.answer()).body == b"ok"
        await it.bench.facts(2)
        entry = it.entries()[1]
    shown, archived = detail(entry, "http://gateway"), har_entry(entry)
    assert (shown["shed"], shown["phases"], shown["request"]["fields"]) == (True, [], [])
    assert shown["request"]["body"]["fault"] == "not kept: too much passed at that time"
    assert shown["curl"].endswith("  # its fields and body were not kept")
    assert "were not kept: too much passed" in " ".join(shown["reasons"])
    assert archived["timings"]["wait"] == archived["time"]
    assert archived["request"]["bodySize"] == 4


async def test_what_is_out_of_the_ordinary_is_told_of_it_all_the_same() -> None:
    """A refused token, the wait for the next one and its replay."""
    statuses = [UNAUTHORIZED, OK]

    async def script(visit: Visit) -> None:
        while True:
            await visit.request()
            await visit.send(statuses.pop(0))

    async with inspected(script) as it, it.bench.client() as client:
        it.budget.left = 0
        assert (await client.get("/")).status == 200
        await it.bench.facts()
        (entry,) = it.entries()
    assert (entry.shed, entry.lines, entry.request) == (True, (), NOTHING)
    assert [refusal.status for refusal in entry.refusals] == [401]
    assert {span.what for span in entry.spans} == {"connect", "token"}
    assert reasons(entry)[0].startswith("The origin refused the token with 401")


async def test_one_that_began_whole_is_kept_whole_however_long_it_takes() -> None:
    """Others that begin meanwhile are shed; what it may come to was left for it."""
    gate = asyncio.Event()

    async def script(visit: Visit) -> None:
        while True:
            if (await visit.request()).line.startswith(b"GET /long"):
                await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + b"a" * 10)
                await gate.wait()
                await visit.send(b"b" * 69_990)
            else:
                await visit.send(OK)

    async with inspected(script) as it, it.bench.client() as client, it.bench.client() as other:
        it.budget.left = WHOLE
        await client.send(b"GET /long HTTP/1.1\r\nHost: gateway\r\nX-A: 1\r\n\r\n")
        await client.reader.readuntil(b"a" * 10)
        for _ in range(5):
            await other.get("/short")
        gate.set()
        await client.reader.readexactly(69_990)
        await it.bench.facts(6)
        entries = it.entries()
    assert [each.shed for each in entries] == [True] * 5 + [False]
    assert entries[5].lines == [b"X-A: 1\r\n"]
    assert entries[5].answer == replace(NOTHING, data=b"a" * 10 + b"b" * (LIMIT - 10), cut=True)
    assert it.budget.left == LIMIT
