"""Interim answers and expectations (RFC 9110 §10.1.1, §15.2), early answers."""

import asyncio

import pytest

from proxy.core.limits import Limits
from tests.fakes.gateway import Bench, gateway_to
from tests.fakes.origin import OK, UNAUTHORIZED, RawOrigin, Script, Visit, raw_origin

pytestmark = pytest.mark.usefixtures("loop_factory")

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nX: 1\r\n\r\n"
SMALL = Limits(replay_buffer=10, replay_spool=100)
UPLOAD = b"PUT /large HTTP/1.1\r\nHost: g\r\nContent-Length: 200\r\n\r\n"
REFUSAL = UNAUTHORIZED


def interim(*before: bytes) -> Script:
    """Return a script that sends these before each answer."""

    async def script(visit: Visit) -> None:
        while True:
            await visit.request()
            await visit.send(b"".join(before) + OK)

    return script


async def test_interim_answers_reach_a_1_1_client() -> None:
    """In order, with their fields, without those of the connection."""
    hop = b"HTTP/1.1 102 Processing\r\nConnection: x-hop\r\nX-Hop: 1\r\nY: 2\r\n\r\n"
    async with raw_origin(interim(EARLY, hop)) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        for _ in range(2):
            await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
            first, second, final = [await client.answer() for _ in range(3)]
            assert first.head == EARLY
            assert second.head == b"HTTP/1.1 102 Processing\r\nY: 2\r\n\r\n"
            assert final.body == b"ok"


async def test_interim_answers_do_not_reach_a_1_0_client() -> None:
    """HTTP/1.0 knows none (RFC 9110 §15.2)."""
    script = interim(EARLY, CONTINUE)
    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"GET / HTTP/1.0\r\nHost: g\r\n\r\n")
        assert (await client.answer()).status == 200


async def test_an_interim_answer_and_the_next_cut_in_two_anywhere() -> None:
    """One read may hold an end and a beginning."""
    whole = EARLY + OK

    async def script(visit: Visit) -> None:
        for cut in range(1, len(whole)):
            await visit.request()
            await visit.send(whole[:cut])
            for _ in range(5):
                await asyncio.sleep(0)
            await visit.send(whole[cut:])

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        for _ in range(1, len(whole)):
            await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
            assert [(await client.answer()).status for _ in range(2)] == [103, 200]


async def test_a_hundred_interim_answers_cut_anywhere() -> None:
    """Each is parsed apart, wherever the reads end."""

    async def script(visit: Visit) -> None:
        await visit.request()
        for byte in EARLY * 5 + OK:
            await visit.send(bytes((byte,)))
            await asyncio.sleep(0)

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
        assert [(await client.answer()).status for _ in range(6)] == [103] * 5 + [200]


async def test_a_final_answer_to_an_expectation_means_the_body_is_not_sent() -> None:
    """The origin says no before the body: the client hears it, keeps its body, and the connections end."""
    refused = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"

    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(refused)
        assert await visit.reader.read() == b""  # not a byte of a body, and no other request

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        answer = await client.answer()
        assert (answer.status, answer.values(b"connection")) == (403, [b"close"])
        await origin.left.wait()


async def test_an_expectation_survives_a_dead_token() -> None:
    """Refused before the body, the request is asked again; the client hears one 100 and sends its body once."""

    async def script(visit: Visit) -> None:
        head = await visit.head()
        if b"token-1" in head:
            await visit.send(REFUSAL)
            return
        await visit.send(CONTINUE)
        assert await visit.body(head) == b"body"
        await visit.send(OK)

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        assert (await client.answer()).status == 100
        await client.send(b"body")
        assert (await client.answer()).status == 200
    assert len(origin.heads) == 2


async def test_expectations_of_1_0_clients_and_of_requests_without_a_body_end_here() -> None:
    """RFC 9110 §10.1.1."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench:
        for request in (
            b"POST / HTTP/1.0\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
            b"GET / HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\n\r\n",
        ):
            async with bench.client() as client:
                await client.send(request)
                assert (await client.answer()).status == 200
        async with bench.client() as client:
            await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nExpect: x=y\r\nContent-Length: 1\r\n\r\nx")
            assert (await client.answer()).status == 200
    assert [b"expect" in head.lower() for head in origin.heads] == [False, False, True]


# --- bodies too large to be sent again
async def upload(bench: Bench, origin: RawOrigin) -> tuple[int, int]:
    """Send an upload above every limit; return the status of the first answer and how often the origin was asked."""
    async with bench.client() as client:
        await client.send(UPLOAD + bytes(200))
        return (await client.answer()).status, len(origin.heads)


async def test_a_large_body_is_asked_for_first() -> None:
    """The dead token is noticed before the body is spent; the client, which asked nothing, hears no 100."""

    async def script(visit: Visit) -> None:
        head = await visit.head()
        assert b"Expect: 100-continue\r\n" in head
        if b"token-1" in head:
            await visit.send(REFUSAL)
            assert await visit.reader.read() == b""
            return
        await visit.send(CONTINUE)
        assert await visit.body(head) == bytes(200)
        await visit.send(OK)

    async with raw_origin(script) as origin, gateway_to(origin.port, limits=SMALL) as bench:
        assert await upload(bench, origin) == (200, 2)
        fact = (await bench.facts())[0]
        assert (fact.replay, fact.attempts) == ("accepted", 2)


async def test_a_silent_origin_gets_a_large_body_after_a_second() -> None:
    """Some never say 100 Continue."""
    async with raw_origin() as origin, gateway_to(origin.port, limits=SMALL) as bench, bench.client() as client:
        await client.send(UPLOAD + bytes(200))
        await origin.asked(1)
        await bench.turns(20)
        assert origin.arrived == []
        await bench.pass_time(1.5)
        assert (await client.answer()).status == 200
    assert (origin.arrived[0].body, len(origin.heads)) == (bytes(200), 1)


async def test_an_origin_that_cannot_meet_our_expectation_is_asked_without() -> None:
    """417 to an Expect that the client did not send is not the client's business."""

    async def script(visit: Visit) -> None:
        head = await visit.head()
        if b"Expect" in head:
            await visit.send(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")
            return
        assert await visit.body(head) == bytes(200)
        await visit.send(OK)

    async with raw_origin(script) as origin, gateway_to(origin.port, limits=SMALL) as bench:
        assert await upload(bench, origin) == (200, 2)


async def test_an_early_final_answer_to_our_expectation_is_passed_on() -> None:
    """413 before the body: the client hears it, and the origin's connection is not used again."""

    async def script(visit: Visit) -> None:
        while True:
            head = await visit.head()
            if b"Expect" in head:
                await visit.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
            else:
                await visit.send(OK)

    async with raw_origin(script) as origin, gateway_to(origin.port, limits=SMALL) as bench:
        assert await upload(bench, origin) == (413, 1)
        async with bench.client() as client:
            assert (await client.get()).status == 200
    assert origin.connections == 2


# --- answers before the request is through
@pytest.mark.parametrize("status", [b"413 Too Large", b"200 OK", b"500 Oops"])
async def test_an_early_answer_stops_an_endless_upload(status: bytes) -> None:
    """The client gets the answer, the origin is let go; nobody hangs."""

    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.reader.readexactly(1000)
        await visit.send(b"HTTP/1.1 %b\r\nContent-Length: 5\r\n\r\nenough"[:-1] % status)

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n" + bytes(4096))
        answer = await client.answer()
        assert (answer.body, answer.values(b"connection")) == (b"enoug", [b"close"])
        await origin.left.wait()
        assert await client.ended()


async def test_an_early_refusal_of_the_token_replays_what_has_come_and_what_follows() -> None:
    """401 in the middle of an upload: the replay has the whole body."""
    body = bytes(range(256)) * 64

    async def script(visit: Visit) -> None:
        head = await visit.head()
        if b"token-1" in head:
            await visit.reader.readexactly(100)
            await visit.send(REFUSAL)
            return
        assert await visit.body(head) == body
        await visit.send(OK)

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        head = b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n" % len(body)
        await client.send(head + body[:5000])
        await origin.asked(2)
        await client.send(body[5000:])
        assert (await client.answer()).status == 200


async def test_an_answer_that_comes_while_the_request_still_goes() -> None:
    """A duplex exchange: each piece of the request draws a piece of the answer."""

    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while size := int(await visit.reader.readline(), 16):
            piece = await visit.reader.readexactly(size)
            await visit.reader.readexactly(2)
            await visit.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        await visit.send(b"0\r\n\r\n")

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert b" 200 OK" in await client.reader.readuntil(b"\r\n\r\n")
        for word in (b"one", b"two", b"three"):
            await client.send(b"%x\r\n%b\r\n" % (len(word), word))
            assert await client.reader.readuntil(word + b"\r\n") == b"%x\r\n%b\r\n" % (len(word), word)
        await client.send(b"0\r\n\r\n")
        assert await client.reader.readuntil(b"0\r\n\r\n") == b"0\r\n\r\n"


@pytest.mark.parametrize("lines", [b"Expect: 100-continue\r\n" * 2, b"Expect: 100-continue, 100-Continue\r\n"])
async def test_an_expectation_said_twice_is_one(lines: bytes) -> None:
    """Nothing contradicts itself in it; a client that waits for `100 Continue` gets it."""

    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(CONTINUE)
        assert await visit.reader.readexactly(4) == b"body"
        await visit.send(OK)

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 4\r\n%b\r\n" % lines)
        assert (await client.answer()).status == 100
        await client.send(b"body")
        assert (await client.answer()).status == 200
    assert origin.heads[0].lower().count(b"expect: ") == 1
