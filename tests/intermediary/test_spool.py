"""Bodies that are sent again: from memory, from the spool file, or not at all."""

import asyncio
import errno
import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.core.limits import MIB, Limits
from proxy.core.route import Route
from proxy.wire.kept import Kept
from tests.fakes.gateway import Bench, RawClient, gateway_to
from tests.fakes.origin import Visit, raw_origin

pytestmark = pytest.mark.usefixtures("loop_factory")

SIZES = (1, 65_535, 65_536, 65_537, MIB - 1, MIB, MIB + 1, 3 * MIB, 5_000_001)


async def digests(visit: Visit) -> None:
    """Refuse the first token behind the whole body; say what arrived."""
    while True:
        arrived = await visit.request()
        line = b"401 No" if b"token-1" in arrived.head else b"200 OK"
        digest = hashlib.sha256(arrived.body).hexdigest().encode()
        await visit.send(b"HTTP/1.1 %b\r\nContent-Length: 64\r\n\r\n%b" % (line, digest))


def open_files() -> int:
    """Return how many files this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def content(size: int) -> bytes:
    """Return bytes in which every place is different."""
    return b"".join(number.to_bytes(4) for number in range(size // 4 + 1))[:size]


async def send(client: RawClient, body: bytes, *, chunked: bool) -> None:
    """Send a POST."""
    if not chunked:
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        return
    await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n")
    for at in range(0, len(body), 50_000):
        piece = body[at : at + 50_000]
        await client.send(b"%x\r\n%b\r\n" % (len(piece), piece))
    await client.send(b"0\r\n\r\n")


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", SIZES)
async def test_a_refused_body_of_any_size_is_sent_again(size: int, *, chunked: bool) -> None:
    """Twice the same bytes, around the border between memory and file."""
    body = content(size)
    async with raw_origin(digests) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await send(client, body, chunked=chunked)
        answer = await client.answer()
        fact = (await bench.facts())[0]
    assert (answer.status, answer.body.decode()) == (200, hashlib.sha256(body).hexdigest())
    assert (len(origin.arrived), fact.replay) == (2, "accepted")


async def test_ten_large_replays_beside_each_other() -> None:
    """Each has a file of its own, which is closed at the end."""
    before = open_files()
    async with raw_origin(digests) as origin, gateway_to(origin.port) as bench:

        async def one(number: int) -> bool:
            body = content(2 * MIB + number)
            async with bench.client() as client:
                await send(client, body, chunked=number % 2 == 0)
                return (await client.answer()).body.decode() == hashlib.sha256(body).hexdigest()

        assert all(await asyncio.gather(*(one(number) for number in range(10))))
        await bench.facts(10)
        await bench.clients.gone()
    await asyncio.sleep(0)
    assert open_files() <= before + 1


async def test_a_refusal_in_the_middle_replays_from_the_file_while_more_comes() -> None:
    """What was sent before comes first, what the client sends meanwhile follows; nothing is lost or doubled."""
    body = content(6 * MIB)
    half = asyncio.Event()

    async def script(visit: Visit) -> None:
        head = await visit.head()
        if b"token-1" in head:
            await visit.reader.readexactly(3 * MIB)
            await visit.send(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")
            half.set()
            return
        assert await visit.body(head) == body
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n" % len(body) + body[: 4 * MIB])
        await half.wait()
        await client.send(body[4 * MIB :])
        assert (await client.answer()).status == 200


async def refusal(bench: Bench, body: bytes, *, chunked: bool) -> tuple[int, list[bytes]]:
    """Send a body that is refused; return status and Proxy-Status."""
    async with bench.client() as client:
        await send(client, body, chunked=chunked)
        answer = await client.answer()
        return answer.status, answer.values(b"proxy-status")


async def test_a_chunked_body_that_outgrows_the_spool() -> None:
    """Its length was not known before: the refusal goes to the client, and says why."""
    limits = Limits(replay_buffer=1000, replay_spool=5000)
    async with raw_origin(digests) as origin, gateway_to(origin.port, limits=limits) as bench:
        assert await refusal(bench, content(60_000), chunked=True) == (
            401,
            [b'iam-proxy; details="body not replayable"'],
        )
    assert len(origin.arrived) == 1


async def test_a_disk_that_is_full(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A body that cannot be kept is streamed all the same, and not sent again."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "is-not-there"))
    async with raw_origin(digests) as origin, gateway_to(origin.port) as bench:
        status, why = await refusal(bench, content(2 * MIB), chunked=False)
    assert (status, why) == (401, [b'iam-proxy; details="body not replayable"'])
    assert origin.arrived[0].body == content(2 * MIB)


async def test_the_file_has_no_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What was uploaded is not to be found in the folder, not even while it is kept."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept = Kept(10, 10_000)
    assert kept.add([b"x" * 5000])
    assert list(tmp_path.iterdir()) == []
    kept.rewind()
    assert kept.next() == b"x" * 5000
    kept.close()


async def test_what_comes_behind_the_limit_is_not_kept() -> None:
    """And what was kept before is of no use then."""
    kept = Kept(10, 20)
    assert kept.add([b"12345", b"67890"])
    assert kept.add([b"12345"])
    assert not kept.add([b"123456"])
    kept.close()


class Failing:
    """A file on a disk that is full after some bytes."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, data: memoryview) -> int:
        """Write as much as there is room for."""
        taken = min(self.room, len(data))
        self.room -= taken
        if not taken:
            raise OSError(errno.ENOSPC, "No space left on device")
        return taken

    def seek(self, place: int, whence: int = 0) -> int:
        """Go nowhere."""
        return place + whence


async def test_a_disk_that_fills_up_meanwhile() -> None:
    """Short writes go on, a failing one ends the keeping."""
    kept = Kept(1, 10_000)
    kept._file = Failing(100)  # type: ignore[assignment]
    assert kept.add([b"x" * 60])
    assert kept.add([b"x" * 40])
    assert not kept.add([b"x" * 10])


async def test_replay_false_keeps_nothing() -> None:
    """A route that does not replay costs neither memory nor disk."""

    async def accepts(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with (
        raw_origin(accepts) as origin,
        gateway_to(origin.port, route=no_replay) as bench,
        bench.client() as client,
    ):
        await send(client, content(100_000), chunked=False)
        assert (await client.answer()).status == 200
    assert b"Expect" not in origin.heads[0]


def no_replay(route: Route) -> Route:
    """Return the route without replay."""
    return replace(route, replay=False)
