"""Clients that take their answers slowly or not at all: each is bound in time, and none that takes on is cut."""

import pytest

from proxy.core.timeouts import Timeouts
from tests.fakes.gateway import Bench, gateway_to
from tests.fakes.origin import Script, Visit, bodies, raw_origin
from tests.fakes.slow import SlowClient, slow_client
from tests.intermediary.test_upgrade import HANDSHAKE, SWITCH

pytestmark = pytest.mark.usefixtures("loop_factory")

GET = b"GET / HTTP/1.1\r\nHost: g\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n"
UPLOAD = b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 100000\r\n\r\n" + bytes(1000)
MUCH = 700_000  # bytes, of which more than the high-water mark stay in the gateway's write buffer
LITTLE = 300_000  # bytes, all of which it takes
IDLE = 300


def refuses_with(size: int) -> Script:
    """Return a script that answers an upload before it has come, with a body of this size."""

    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))

    return script


async def held(bench: Bench, slow: SlowClient) -> None:
    """Wait until the gateway has an answer that the client does not take."""
    await bench.until(lambda: slow.connection.full or (bool(bench.finished) and slow.left > 0))
    await bench.turns(20)
    assert slow.left > 0


async def pass_long(bench: Bench) -> None:
    """Let more time pass than all that may be waited for one after the other."""
    for _ in range(10):
        await bench.pass_time(IDLE + 100)


@pytest.mark.parametrize("size", [MUCH, LITTLE])
@pytest.mark.parametrize("asked", [GET, GET * 2, LAST], ids=["once", "pipelined", "last"])
async def test_who_takes_nothing_is_cut(size: int, asked: bytes) -> None:
    """Whatever it has asked for, and wherever the answer waits: in the exchange, between requests, behind the last."""
    async with raw_origin(bodies(size)) as origin, gateway_to(origin.port) as bench, slow_client(bench) as slow:
        await slow.send(asked)
        await held(bench, slow)
        await pass_long(bench)
        assert (len(bench.clients), bench.gateway.in_flight) == (0, 0)


async def test_who_takes_nothing_is_cut_after_the_idle_time() -> None:
    """Not before, and no later than the sweep looks."""
    async with raw_origin(bodies(MUCH)) as origin, gateway_to(origin.port) as bench, slow_client(bench) as slow:
        await slow.send(GET)
        await held(bench, slow)
        await bench.pass_time(IDLE)
        assert len(bench.clients) == 1
        await bench.pass_time(1)
        assert (len(bench.clients), bench.gateway.in_flight, bench.pool.open) == (0, 0, 0)


@pytest.mark.parametrize("asked", [GET, LAST], ids=["once", "last"])
async def test_who_takes_some_has_as_long_again(asked: bytes) -> None:
    """A slow client gets its answer whole, however long that takes."""
    async with raw_origin(bodies(MUCH)) as origin, gateway_to(origin.port) as bench, slow_client(bench) as slow:
        await slow.send(asked)
        await held(bench, slow)
        taken = 0
        for _ in range(6):
            before = slow.left
            while slow.left == before:
                taken += len(await slow.take(20_000))
                await bench.turns(5)
            await bench.pass_time(IDLE - 1)
        if asked == LAST:
            assert taken + await slow.take_all() > MUCH
        else:
            while taken < MUCH:
                data = await slow.take(65536)
                assert data
                taken += len(data)


async def test_an_upload_that_ends_meanwhile_changes_nothing() -> None:
    """The last of a request is no sign that its client takes the answer."""

    async def early(visit: Visit) -> None:
        await visit.head()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n" + bytes(5_000_000))
        await visit.reader.read()

    async with raw_origin(early) as origin, gateway_to(origin.port) as bench, slow_client(bench) as slow:
        await slow.send(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 10\r\n\r\n12345")
        await held(bench, slow)
        await slow.send(b"12345")
        request = slow.connection.current
        assert request is not None
        await bench.until(lambda: request.body.complete)
        await pass_long(bench)
        assert (len(bench.clients), bench.gateway.in_flight) == (0, 0)


@pytest.mark.parametrize("begun", [b"", b"GET /"], ids=["nothing", "a head"])
async def test_a_slow_reader_is_bound_like_any_other_once_it_has_read(begun: bytes) -> None:
    """The deadline of the next request, or of the rest of its head, is not lost to a full buffer."""
    async with raw_origin(bodies(MUCH)) as origin, gateway_to(origin.port) as bench, slow_client(bench) as slow:
        await slow.send(GET + begun)
        await held(bench, slow)
        taken = 0
        while taken < MUCH:
            taken += len(await slow.take(65536))
        await bench.until(lambda: slow.connection.current is None)
        await bench.turns(20)
        for _ in range(3):
            await bench.pass_time(Timeouts().keep_alive + 5)
        assert len(bench.clients) == 0
        assert (b"408" in await slow.take(65536)) is bool(begun)


async def test_who_has_finished_sending_gets_the_answer_slowly() -> None:
    """An end of file is a deadline for nothing but the question whether the client is still there."""
    size = 3_000_000
    async with raw_origin(bodies(size)) as origin, gateway_to(origin.port) as bench, slow_client(bench) as slow:
        await slow.send(GET)
        await held(bench, slow)
        slow.end()
        await bench.until(lambda: slow.connection.ended)
        for _ in range(3):
            await bench.pass_time(0.6)
        assert await slow.take_all() > size


@pytest.mark.parametrize("ends", [False, True])
async def test_the_answer_behind_an_upload_may_take_longer_than_the_linger(ends: bool) -> None:
    """Two seconds are for what the client still sends, not for what it takes."""
    size = 400_000
    async with raw_origin(refuses_with(size)) as origin, gateway_to(origin.port) as bench, slow_client(bench) as slow:
        await slow.send(UPLOAD)
        await held(bench, slow)
        if ends:
            slow.end()
            await bench.until(lambda: slow.connection.ended)
        taken = 0
        while data := await slow.take(10_000):
            taken += len(data)
            await bench.pass_time(0.3)
        assert taken > size


async def test_the_linger_goes_on_behind_a_slow_answer() -> None:
    """Once the answer has been taken the client has to go."""
    async with raw_origin(refuses_with(MUCH)) as origin, gateway_to(origin.port) as bench, slow_client(bench) as slow:
        await slow.send(UPLOAD)
        await held(bench, slow)
        assert await slow.take_all() > MUCH
        for _ in range(3):
            await bench.pass_time(3)
        assert len(bench.clients) == 0


async def test_a_tunnel_to_who_takes_nothing_ends() -> None:
    """`timeouts.idle` holds for a tunnel too, and what is left in it does not keep the connection."""

    async def pour(visit: Visit) -> None:
        await visit.request()
        await visit.send(SWITCH)
        while True:
            await visit.send(bytes(100_000))

    async with raw_origin(pour) as origin, gateway_to(origin.port) as bench, slow_client(bench) as slow:
        await slow.send(HANDSHAKE)
        await held(bench, slow)
        await pass_long(bench)
        assert (len(bench.clients), bench.gateway.in_flight, bench.pool.open) == (0, 0, 0)


async def test_what_was_slow_before_a_switch_is_forgotten_in_the_tunnel() -> None:
    """Interim answers may fill the buffer; once taken they are no reason to end a tunnel that is in use."""
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: <%b>\r\n\r\n" % (b"x" * 20_000)

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(hint * 28 + SWITCH)  # the last read fills the buffer, and has the switch in it
        while data := await visit.reader.read(65536):
            await visit.send(data)

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, slow_client(bench) as slow:
        await slow.send(HANDSHAKE)
        await held(bench, slow)
        taken = b""
        while not (b" 101 " in taken and taken.endswith(b"\r\n\r\n")):
            taken = taken[-1000:] + await slow.take(65536)
        for _ in range(5):
            await bench.pass_time(IDLE - 1)
            await slow.send(b"x")
            assert await slow.take(1) == b"x"


async def test_a_client_that_still_sends_is_not_slow() -> None:
    """Behind an early answer that it has taken, `timeouts.idle` says nothing of it: it is read for up to 30 s."""

    async def early(visit: Visit) -> None:
        await visit.head()
        await visit.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")

    idle = Timeouts(idle=5)
    async with raw_origin(early) as origin, gateway_to(origin.port, timeouts=idle) as bench, bench.client() as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 100000\r\n\r\n" + bytes(1000))
        await bench.facts(1)
        for _ in range(10):
            await client.send(bytes(10))
            await bench.turns(20)
            await bench.pass_time(1.5)
        assert len(bench.clients) == 1
        assert (await client.answer()).body == b"big"
