"""Answers that are still under way when the token that they were asked with expires are told of, and end as they do."""

import asyncio

import pytest

from proxy.core.events import Finished
from tests.fakes.gateway import gateway_to
from tests.fakes.origin import Visit, raw_origin
from tests.fakes.tokens import FakeSource, token

pytestmark = pytest.mark.usefixtures("loop_factory")

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"


async def told(first: bytes, *, expire: bool, rest: bytes | None = b"67890") -> Finished:
    """Return what is told of an answer in two parts, between which the token may expire; None: it is never whole."""
    current, gate = token("token-1"), asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(first)
        await gate.wait()
        if rest is None:
            visit.reset()
        else:
            await visit.send(rest)
            await visit.reader.read()

    async with (
        raw_origin(script) as origin,
        gateway_to(origin.port, source=FakeSource(_current=current)) as bench,
        bench.client() as client,
    ):
        await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
        await origin.got(1)
        if first:
            await client.reader.readuntil(first[-5:])
        if expire:
            current.expires_at = asyncio.get_running_loop().time() - 1
        gate.set()
        (fact,) = await bench.facts()
    return fact


async def test_a_stream_that_outlives_its_token() -> None:
    """It is whole all the same."""
    fact = await told(HEAD + b"12345", expire=True)
    assert (fact.status, fact.outlived, fact.cut, fact.sent) == (200, True, False, 10)


async def test_one_that_the_origin_ends_then() -> None:
    """Which may be why the origin did."""
    fact = await told(HEAD + b"12345", expire=True, rest=None)
    assert (fact.outlived, fact.cut) == (True, True)


async def test_one_that_ends_before() -> None:
    """The usual one."""
    assert not (await told(HEAD + b"12345", expire=False)).outlived


async def test_a_request_that_got_no_answer_of_the_origin() -> None:
    """There is no stream: the gateway's own answer outlives nothing."""
    fact = await told(b"", expire=True, rest=None)
    assert (fact.status, fact.outlived) == (502, False)
