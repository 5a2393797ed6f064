"""What connections cost, and that it is given back."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from proxy.errors import LoginUnavailable
from proxy.wire.body import Body
from tests.fakes.gateway import Bench, gateway_to
from tests.fakes.origin import Script, Visit, raw_origin
from tests.fakes.tokens import FakeSource
from tests.intermediary.test_upgrade import echo, opened

pytestmark = pytest.mark.usefixtures("loop_factory", "no_collector")


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Do without the garbage collector, as the gateway nearly does."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def test_a_connection_that_has_ended_is_freed() -> None:
    """By its reference count, on both sides: nothing waits for the garbage collector."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench:
        async with bench.client() as client:
            await client.get()
            await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\n\r\nabc")
            await client.answer()
            here = weakref.ref(next(iter(bench.clients)))
            there = weakref.ref(next(iter(bench.pool._idle)))
        await bench.clients.gone()
        bench.pool.close()
        await bench.turns(5)
        assert (here(), there()) == (None, None)


async def test_a_tunnel_that_is_over_is_freed() -> None:
    """Both ends of it too."""
    async with raw_origin(echo) as origin, gateway_to(origin.port) as bench:
        async with bench.client() as client:
            await opened(client)
            here = weakref.ref(next(iter(bench.clients)))
        await bench.facts(1)
        await bench.clients.gone()
        await bench.turns(20)
        assert here() is None


async def test_a_request_that_was_never_finished_is_freed() -> None:
    """A head in part, then the end."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench:
        async with bench.client() as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: ")
            await bench.turns(20)
            here = weakref.ref(next(iter(bench.clients)))
        await bench.clients.gone()
        await bench.turns(5)
        assert here() is None


async def test_one_turn_of_the_loop_does_not_fill_the_memory() -> None:
    """A fast origin and a client that does not read: what is written and not sent stays within the write buffer."""
    sent = asyncio.Event()

    async def flood(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(100):
            visit.writer.write(bytes(1_000_000))
            if visit.writer.transport.get_write_buffer_size() > 50_000_000:
                sent.set()
        await visit.writer.drain()

    async with raw_origin(flood) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
        await sent.wait()
        connection = next(iter(bench.clients))
        most = 0
        for _ in range(200):
            await bench.turns(1)
            most = max(most, connection.transport.get_write_buffer_size())  # type: ignore[attr-defined]
        assert 0 < most < 2 * 1024 * 1024
        client.reset()
        await bench.clients.gone()


async def test_what_a_client_pipelines_is_not_gathered() -> None:
    """A read or so of it is kept, while the requests before it are answered one by one."""
    one = b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 1\r\n\r\nx"
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        client.writer.write(one * 100_000)
        most = 0
        for _ in range(200):
            assert (await client.answer()).status == 200
            most = max(most, len(bench.connection()._unread))
        client.reset()
        await bench.clients.gone()
    assert 0 < most < 1024 * 1024


async def test_our_own_answers_wait_for_a_client_that_takes_none() -> None:
    """Requests that no origin hears are read no faster than their answers leave."""
    async with gateway_to(1) as bench, bench.client() as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a reading transport it is
        client.writer.write(b"GET /iam/login HTTP/1.1\r\nHost: g\r\n\r\n" * 100_000)
        await bench.until(lambda: bench.connection().full)
        most = 0
        for _ in range(200):
            await bench.turns(1)
            most = max(most, bench.connection().transport.get_write_buffer_size())
        client.reset()
        await bench.clients.gone()
    assert 0 < most < 2 * 1024 * 1024


async def silent(visit: Visit) -> None:
    """Take a head and give no answer."""
    await visit.head()
    await visit.reader.read()


async def resets(visit: Visit) -> None:
    """Take a head and go."""
    await visit.head()
    visit.reset()


CHUNKED = b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "script", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: g\r\nA : b\r\n\r\n", silent, 400),
        (CHUNKED + b"zz\r\n", silent, 400),
        (b"GET /iam/login HTTP/1.1\r\nHost: g\r\n\r\n", silent, 403),
        (b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\n\r\nabc", resets, 502),
    ],
)
async def test_what_has_failed_is_freed(request_bytes: bytes, script: Script, status: int) -> None:
    """An error knows the frames that it came through, and they know whatever holds the error."""
    async with raw_origin(script) as origin, gateway_to(origin.port) as bench:
        async with bench.client() as client:
            await bench.until(lambda: len(bench.clients))
            here = weakref.ref(bench.connection())
            await client.send(request_bytes)
            assert (await client.answer()).status == status
        await bench.clients.gone()
        await bench.turns(50)
        assert here() is None


@pytest.mark.parametrize("error", [None, LoginUnavailable(cause="down")])
async def test_what_has_failed_beside_is_freed(error: Exception | None) -> None:
    """A connection that is refused, a token that is not to be had."""
    source = FakeSource(error=error)
    async with gateway_to(1, source=source) as bench:
        async with bench.client() as client:
            await bench.until(lambda: len(bench.clients))
            here = weakref.ref(bench.connection())
            assert (await client.get()).status in {502, 503}
        source.error = None
        await bench.clients.gone()
        await bench.turns(50)
        assert here() is None


async def test_tiny_chunks_that_are_kept_cost_what_they_count() -> None:
    """A text for each read, not one for each chunk of two bytes."""
    async with raw_origin(silent) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(CHUNKED)
        await origin.asked(1)
        for number in range(1, 6):
            await client.send(b"2\r\nab\r\n" * 5000)
            await bench.until(lambda: body_of(bench).size == number * 10_000)  # noqa: B023  it is awaited at once
        kept = body_of(bench)._kept
        assert kept is not None
        assert kept.size == 50_000
        assert len(kept._pieces) <= 50


def body_of(bench: Bench) -> Body:
    """Return the body of the request that is under way."""
    request = bench.connection().current
    assert request is not None
    return request.body
