"""One client costs the others no more than its share of a turn of the loop, whatever it sends."""

import asyncio
import socket

import pytest

from tests.fakes.gateway import RawClient, gateway_to
from tests.fakes.origin import OK, Visit, raw_origin

pytestmark = pytest.mark.usefixtures("loop_factory")


async def reads_on(client: RawClient) -> None:
    """Take whatever comes."""
    while await client.reader.read(2**20):
        pass


async def test_our_own_answers_come_one_a_turn() -> None:
    """Thousands of requests that no origin hears stand in one read: another client is served between two of them."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as flood:
        flood.writer.write(b"GET /iam/login HTTP/1.1\r\nHost: g\r\n\r\n" * 50_000)
        taking = asyncio.create_task(reads_on(flood))
        await bench.facts(1)
        most = 0
        for _ in range(100):
            before = len(bench.finished)
            await bench.turns(1)
            most = max(most, len(bench.finished) - before)
        assert most == 1
        async with bench.client() as other:
            before = len(bench.finished)
            assert (await other.get()).body == b"ok"
            assert len(bench.finished) - before < 100
        taking.cancel()
        flood.reset()
        await bench.clients.gone()


async def test_tiny_chunks_come_one_read_a_turn() -> None:
    """Each byte may be a chunk; a loop that reads on and on within one turn would take all that the kernel holds."""
    chunk = b"1\r\na\r\n"
    read = 256 * 1024  # bytes, the most that either loop reads at once

    async def takes(visit: Visit) -> None:
        await visit.head()
        while not (await visit.reader.read(2**20)).endswith(b"\r\n0\r\n\r\n"):
            pass
        await visit.send(OK)

    async with raw_origin(takes) as origin, gateway_to(origin.port) as bench:
        with socket.socket() as sock:
            sock.connect(("127.0.0.1", bench.port))
            sock.setblocking(False)  # noqa: FBT003  the socket module knows no keyword for it
            sock.send(b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n")
            await origin.asked(1)
            request = bench.connection().current
            assert request is not None
            left, most = memoryview(chunk * 200_000 + b"0\r\n\r\n"), 0
            while not request.body.complete:
                while left and (taken := sent(sock, left)):
                    left = left[taken:]
                before = request.body.size
                await bench.turns(1)
                most = max(most, request.body.size - before)
            assert (await asyncio.get_running_loop().sock_recv(sock, 65536)).startswith(b"HTTP/1.1 200 OK")
    assert 0 < most <= read // len(chunk) + 1
    assert request.body.size == 200_000


def sent(sock: socket.socket, data: memoryview) -> int:
    """Send what the kernel takes now, and return how much it was."""
    try:
        return sock.send(data)
    except BlockingIOError:
        return 0
