"""Nothing ambiguous gets through, judged by what the origin received."""

import pytest

from tests.fakes.gateway import gateway_to
from tests.fakes.origin import raw_origin
from tests.intermediary.cases import POST, REFUSED, TE

pytestmark = pytest.mark.usefixtures("loop_factory")

GOOD = b"GET /good HTTP/1.1\r\nHost: a\r\n\r\n"
ANSWERS = {400, 413, 431}


def test_there_are_many_cases() -> None:
    """The promise is at least 150."""
    assert len(REFUSED) >= 150


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_malformed_is_answered_and_closed(name: str) -> None:
    """One clean answer, then the end; nothing that the client wrote behind it is taken for a request.

    A body that turns out malformed has a head that was good: the origin may have begun to hear of that one request,
    but never of a whole one.
    """
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(REFUSED[name])
        answer = await client.answer()
        assert answer.status in ANSWERS
        assert answer.values(b"connection") == [b"close"]
        assert b"iam-proxy; error=http_request_error" in answer.values(b"proxy-status")
        assert await client.ended()
    assert origin.arrived == []
    assert not any(b"smuggled" in head for head in origin.heads)


@pytest.mark.parametrize("name", REFUSED)
async def test_a_good_request_before_it_is_served(name: str) -> None:
    """What a client sent in good order is answered first, in whole."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(GOOD + REFUSED[name])
        assert (await client.answer()).status == 200
        assert (await client.answer()).status in ANSWERS
    assert [arrived.line for arrived in origin.arrived] == [b"GET /good HTTP/1.1"]


@pytest.mark.parametrize("name", [name for name in REFUSED if len(REFUSED[name]) < 2000])
async def test_it_is_the_same_in_single_bytes(name: str) -> None:
    """Where the reads are cut does not matter."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        for byte in REFUSED[name]:
            client.writer.write(bytes((byte,)))
            await bench.turns(3)
        assert (await client.answer()).status in ANSWERS
    assert origin.arrived == []


@pytest.mark.parametrize(
    "body",
    [
        b"5\r\nhello\r\n0\r\n\r\n",
        b"05\r\nhello\r\n00\r\n\r\n",
        b"5;a=b\r\nhello\r\n0;c\r\n\r\n",
        b'5 ; a="x y"\r\nhello\r\n0\r\n\r\n',
        b"1\r\nh\r\n4\r\nello\r\n0\r\nX: y\r\n\r\n",
        b"2\r\nhe\r\n3;" + b"e" * 3000 + b"\r\nllo\r\n0\r\n\r\n",
    ],
)
async def test_what_is_merely_unusual_gets_through(body: bytes) -> None:
    """Chunks in any size, extensions in measure, trailers."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(POST + TE + b"\r\n" + body)
        assert (await client.answer()).status == 200
    assert origin.arrived[0].body == b"hello"
