"""One peer does not shut out another; bodies above `max_body_size` are refused."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from proxy.core.limits import Limits
from tests.fakes.gateway import Bench, RawClient, gateway_to
from tests.fakes.origin import OK, RawOrigin, Script, Visit, raw_origin

pytestmark = pytest.mark.usefixtures("loop_factory")

GREEDY, OTHER = "127.0.0.1", "127.0.0.2"
GET = b"GET / HTTP/1.1\r\nHost: g\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"


def gated(gate: asyncio.Event) -> Script:
    """Return a script that answers when the gate is open."""

    async def script(visit: Visit) -> None:
        while True:
            await visit.request()
            await gate.wait()
            await visit.send(OK)

    return script


@contextlib.asynccontextmanager
async def many(bench: Bench, count: int, local: str = GREEDY) -> AsyncIterator[list[RawClient]]:
    """Connect many clients from one address, some at a time."""
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(bench.client(local=local)) for _ in range(count)]


# --- connections
async def test_1000_idle_connections_of_one_peer_leave_room_for_another() -> None:
    """The limit is reached by one peer alone; others are accepted, each in place of one of its idle connections."""
    async with (
        raw_origin() as origin,
        gateway_to(origin.port, limits=Limits(max_connections=1000)) as bench,
        many(bench, 1000),
    ):
        await bench.until(lambda: len(bench.clients) == 1000)
        await bench.pass_time(2)
        async with many(bench, 20, OTHER) as others:
            answers = await asyncio.gather(*(other.get() for other in others))
            assert {answer.status for answer in answers} == {200}
            assert len(bench.clients) == 1000
            counts = {client.share.peer: client.share.connections for client in bench.clients}  # type: ignore[attr-defined]
            assert counts == {GREEDY: 980, OTHER: 20}


async def test_1000_connections_that_never_end_their_head_leave_room_too() -> None:
    """A begun head is no request under way."""
    async with (
        raw_origin() as origin,
        gateway_to(origin.port, limits=Limits(max_connections=1000)) as bench,
        many(bench, 1000) as greedy,
    ):
        for client in greedy:
            client.writer.write(b"GET / HTTP/1.1\r\nX: ")
        await bench.until(lambda: len(bench.clients) == 1000)
        await bench.turns(50)
        await bench.pass_time(2)
        async with bench.client(local=OTHER) as other:
            assert (await other.get()).status == 200


async def test_a_peer_that_comes_back_at_once_closes_its_own() -> None:
    """Who opens one connection after the other at the limit pays with its own, and the others keep theirs."""
    async with (
        raw_origin() as origin,
        gateway_to(origin.port, limits=Limits(max_connections=10)) as bench,
        many(bench, 3, OTHER) as others,
        many(bench, 7),
    ):
        await bench.until(lambda: len(bench.clients) == 10)
        for _ in range(10):
            await bench.pass_time(2)
            async with bench.client(local=GREEDY) as one_more:
                assert (await one_more.get()).status == 200
        assert [(await other.get()).status for other in others] == [200] * 3


async def test_a_request_under_way_is_never_given_up_for_another() -> None:
    """All connections are busy: whoever comes waits until one is not."""
    gate = asyncio.Event()
    async with (
        raw_origin(gated(gate)) as origin,
        gateway_to(origin.port, limits=Limits(max_connections=5)) as bench,
        many(bench, 5) as busy,
    ):
        for client in busy:
            await client.send(GET)
        await origin.got(5)
        async with bench.client(local=OTHER) as other:
            await other.send(GET)
            for _ in range(20):
                await bench.pass_time(2)
            assert len(origin.arrived) == 5
            gate.set()
            assert [(await client.answer()).status for client in busy] == [200] * 5
            await bench.pass_time(2)
            assert (await other.answer()).status == 200


async def test_a_peer_that_is_never_idle_leaves_room_too() -> None:
    """Its connections are asked one request behind the other: those of it that are needed end behind an answer."""
    statuses, closings = set(), 0

    async def keep_asking(bench: Bench, stop: asyncio.Event) -> None:
        nonlocal closings
        while not stop.is_set():
            async with bench.client(local=GREEDY) as client:
                closing = False
                while not (closing or stop.is_set()):
                    answer = await client.get()
                    statuses.add((answer.status, answer.whole))
                    closing = answer.values(b"connection") == [b"close"]
                closings += closing

    stop = asyncio.Event()
    async with (
        raw_origin() as origin,
        gateway_to(origin.port, limits=Limits(max_connections=10)) as bench,
        asyncio.TaskGroup() as greedy,
    ):
        for _ in range(10):
            greedy.create_task(keep_asking(bench, stop))
        await origin.got(50)
        async with many(bench, 3, OTHER) as others:
            asked = [asyncio.create_task(other.get()) for other in others]
            while not all(each.done() for each in asked):
                await bench.pass_time(0.3)
            assert [each.result().status for each in asked] == [200] * 3
        stop.set()
        for _ in range(20):
            await bench.pass_time(0.3)  # the greedy ones that wait are to come to their end, too
    assert statuses == {(200, True)}
    assert closings >= 3


# --- requests under way
async def test_one_peer_takes_no_more_than_half_while_others_are_refused() -> None:
    """Alone it has everything; one refusal of another later its half, and the other is served."""
    gates: list[asyncio.Event] = []

    async def script(visit: Visit) -> None:
        while True:
            gate = asyncio.Event()
            await visit.request()
            gates.append(gate)
            visit.origin.news.set()
            await gate.wait()
            await visit.send(OK)

    async with (
        raw_origin(script) as origin,
        gateway_to(origin.port, limits=Limits(max_in_flight=10)) as bench,
        many(bench, 11) as greedy,
        bench.client(local=OTHER) as other,
    ):
        for client in greedy[:10]:
            await client.send(GET)
        await origin.got(10)
        refused = await other.get()
        assert (refused.status, refused.values(b"retry-after")) == (503, [b"1"])
        await bench.pass_time(1)
        for gate in gates[:3]:
            gate.set()
        await bench.until(lambda: bench.gateway.in_flight == 7)
        assert (await greedy[10].get()).status == 503
        await other.send(GET)
        await origin.got(11)
        gates[10].set()
        assert (await other.answer()).status == 200
        await bench.pass_time(11)
        await greedy[10].send(GET)
        await origin.got(12)
        for gate in gates:
            gate.set()


async def test_overload_is_answered_at_once() -> None:
    """No wait for a token or an origin; each with Retry-After, and the connection is usable on."""
    gate = asyncio.Event()
    async with (
        raw_origin(gated(gate)) as origin,
        gateway_to(origin.port, limits=Limits(max_in_flight=2)) as bench,
        many(bench, 3) as clients,
    ):
        for client in clients[:2]:
            await client.send(GET)
        await origin.got(2)
        answers = [await clients[2].get() for _ in range(50)]
        assert {(answer.status, *answer.values(b"retry-after")) for answer in answers} == {(503, b"1")}
        gate.set()
        for client in clients[:2]:
            assert (await client.answer()).status == 200
        assert (await clients[2].get()).status == 200
        assert bench.gateway.in_flight == 0
        assert {client.share.in_flight for client in bench.clients} == {0}  # type: ignore[attr-defined]


# --- bodies
@contextlib.asynccontextmanager
async def limited(origin: RawOrigin, size: int = 1000) -> AsyncIterator[Bench]:
    """Run a gateway that takes bodies up to a size."""
    async with gateway_to(origin.port, limits=Limits(max_body_size=size)) as bench:
        yield bench


@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"])
@pytest.mark.parametrize("sent", [0, 500, 1001, 100_000])
async def test_a_body_that_is_announced_too_large(expect: bytes, sent: int) -> None:
    """413 at once, however much of it has come; nothing of it reaches the origin, and the connection ends."""
    length = max(sent, 1001)
    head = b"POST /up HTTP/1.1\r\nHost: g\r\n%bContent-Length: %d\r\n\r\n" % (expect, length)
    async with raw_origin() as origin, limited(origin) as bench, bench.client() as client:
        await client.send(head + bytes(sent))
        answer = await client.answer()
        assert (answer.status, answer.values(b"connection")) == (413, [b"close"])
        assert answer.values(b"proxy-status") == [b"iam-proxy; error=http_request_error"]
        assert b'"code":"body_too_large"' in answer.body
        assert await client.ended()
        fact = (await bench.facts(1))[0]
    assert (fact.code, fact.target, fact.attempts) == ("body_too_large", b"/up", 0)
    assert origin.connections == 0


@pytest.mark.parametrize("step", [7, 100_000])
async def test_a_chunked_body_that_grows_too_large(step: int) -> None:
    """The chunk that goes beyond it is refused by its size; the origin sees the body end in the middle."""
    ended = asyncio.Event()
    bodies: list[bytes] = []

    async def script(visit: Visit) -> None:
        await visit.head()
        with contextlib.suppress(ConnectionError):
            bodies.append(await visit.reader.read())
        ended.set()

    async with raw_origin(script) as origin, limited(origin) as bench, bench.client() as client:
        await client.send(CHUNKED + b"1f4\r\n%b\r\n" % bytes(500))
        await origin.asked(1)
        rest = b"1f4\r\n%b\r\n1\r\nx\r\n0\r\n\r\n" % bytes(500)
        for at in range(0, len(rest), step):
            client.writer.write(rest[at : at + step])
            await bench.turns(1)
        answer = await client.answer()
        assert (answer.status, answer.values(b"connection")) == (413, [b"close"])
        await ended.wait()
        assert not any(b"x" in body or b"0\r\n\r\n" in body for body in bodies)
        assert await client.ended()
        assert (await bench.facts(1))[0].code == "body_too_large"
        assert bench.pool.open == 0


async def test_a_chunked_body_that_is_too_large_in_its_first_read() -> None:
    """What is known before anything is sent is not sent."""
    async with raw_origin() as origin, limited(origin) as bench, bench.client() as client:
        await client.send(CHUNKED + b"3e9\r\nabc")
        assert (await client.answer()).status == 413
        assert await client.ended()
    assert origin.connections == 0


async def test_an_answer_that_has_begun_is_cut_when_the_body_grows_too_large() -> None:
    """There is no status any more to say it with."""

    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun")
        await visit.reader.read()

    async with raw_origin(script) as origin, limited(origin) as bench, bench.client() as client:
        await client.send(CHUNKED + b"1\r\na\r\n")
        assert (await client.reader.readuntil(b"begun")).startswith(b"HTTP/1.1 200 OK")
        await client.send(b"3e8\r\n")
        assert await client.ended()
        fact = (await bench.facts(1))[0]
    assert (fact.code, fact.cut) == ("body_too_large", True)


async def test_the_last_answer_is_read_by_a_client_that_sends_it_all() -> None:
    """It goes on sending while it is answered: read and dropped for a while, so no reset takes the answer away."""
    async with raw_origin() as origin, limited(origin) as bench, bench.client() as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 3000000\r\n\r\n")
        for _ in range(30):
            await client.send(bytes(100_000))
            await bench.turns(5)
        answer = await client.answer()
        assert answer.status == 413
        client.writer.write_eof()
        assert await client.ended()


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_body_of_just_that_size_passes(framing: str) -> None:
    """The limit itself is allowed, whole and in chunks; without a limit anything is."""
    body = bytes(1000)
    requests = {
        "length": b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 1000\r\n\r\n" + body,
        "chunked": CHUNKED + b"1f4\r\n%b\r\n1f4\r\n%b\r\n0\r\nX: y\r\n\r\n" % (body[:500], body[500:]),
    }
    async with raw_origin() as origin, limited(origin) as bench, bench.client() as client:
        await client.send(requests[framing])
        assert (await client.answer()).status == 200
    async with raw_origin() as second, limited(second, 0) as bench, bench.client() as client:
        await client.send(requests[framing])
        assert (await client.answer()).status == 200
    assert [arrived.body for arrived in origin.arrived + second.arrived] == [body, body]
