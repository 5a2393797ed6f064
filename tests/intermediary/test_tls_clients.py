"""Clients behind TLS get what others get: every framing, both ways, under pressure, and an end that can be trusted."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from proxy.core.address import TcpAddress, Upstream
from proxy.core.credential import Verification
from proxy.core.timeouts import Timeouts
from proxy.exchange import meant
from proxy.wire.client import ClientConnection
from proxy.wire.client_deadlines import LINGER
from tests.fakes.authority import Authority
from tests.fakes.gateway import Bench, RawClient, gateway_to
from tests.fakes.origin import RawOrigin, Script, Visit, always_ok, raw_origin
from tests.fakes.server import serving
from tests.intermediary.test_upgrade import HANDSHAKE, SWITCH, echo, opened
from tests.test_app import config, running
from tests.test_app_tls import server_context

pytestmark = pytest.mark.usefixtures("loop_factory")

MIB = 1024 * 1024


@dataclass
class Behind:
    """A gateway that speaks TLS with its clients, an origin behind it, and how a client trusts the gateway."""

    origin: RawOrigin
    bench: Bench
    trust: ssl.SSLContext

    def client(self) -> contextlib.AbstractAsyncContextManager[RawClient]:
        """Connect a client."""
        return self.bench.client(self.trust)

    async def full(self) -> None:
        """Wait until a client's connection holds as much as it may."""
        await self.bench.until(lambda: any(getattr(each, "full", False) for each in self.bench.clients))


@contextlib.asynccontextmanager
async def behind_tls(
    folder: Path, script: Script = always_ok, timeouts: Timeouts = Timeouts()
) -> AsyncIterator[Behind]:
    """Run a gateway with a certificate in front of an origin."""
    authority = Authority(folder)
    certificate = SimpleNamespace(context=authority.gateway().context())
    async with (
        raw_origin(script) as origin,
        gateway_to(origin.port, certificate=certificate, timeouts=timeouts) as bench,
    ):
        yield Behind(origin, bench, authority.trusting())


def answering(reply: bytes, *, closes: bool = False) -> Script:
    """Return a script that gives each request this answer."""

    async def script(visit: Visit) -> None:
        while True:
            await visit.request()
            await visit.send(reply)
            if closes:
                return

    return script


# --- every framing
@pytest.mark.parametrize(
    ("reply", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nX: y\r\n\r\n", b"hello"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b""),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b""),
    ],
)
async def test_answers_of_every_framing(reply: bytes, body: bytes, tmp_path: Path) -> None:
    """Two on one connection, each whole."""
    async with behind_tls(tmp_path, answering(reply)) as it, it.client() as client:
        for _ in range(2):
            answer = await client.get()
            assert (answer.body, answer.whole) == (body, True)
            if answer.status == 103:
                assert (await client.answer()).body == b"ok"
    assert it.origin.arrived[0].values(b"x-forwarded-proto") == [b"https"]


async def test_bodies_of_requests_of_every_framing(tmp_path: Path) -> None:
    """A known length and chunks arrive as they were sent, behind each other on one connection."""
    async with behind_tls(tmp_path) as it, it.client() as client:
        await client.send(b"POST /1 HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\n\r\nhello")
        assert (await client.answer()).body == b"ok"
        await client.send(
            b"POST /2 HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n"
        )
        assert (await client.answer()).body == b"ok"
    assert [arrived.body for arrived in it.origin.arrived] == [b"hello", b"hello"]
    assert it.origin.arrived[1].trailers == b"X: y\r\n"


async def test_pipelined_requests(tmp_path: Path) -> None:
    """A hundred in one write are answered in order, one at a time."""

    async def script(visit: Visit) -> None:
        while True:
            target = (await visit.request()).line.split(b" ")[1]
            await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(target), target))

    async with behind_tls(tmp_path, script) as it, it.client() as client:
        await client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: g\r\n\r\n" % number for number in range(100)))
        assert [(await client.answer()).body for _ in range(100)] == [b"/%d" % number for number in range(100)]


@pytest.mark.parametrize("cut", [1, 7, 1000])
async def test_a_request_in_many_records(cut: int, tmp_path: Path) -> None:
    """Records of a few bytes are reads like any other."""
    request = b"POST / HTTP/1.1\r\nHost: g\r\nX: %b\r\nContent-Length: 10\r\n\r\n0123456789" % (b"v" * 300)
    async with behind_tls(tmp_path) as it, it.client() as client:
        for at in range(0, len(request), cut):
            await client.send(request[at : at + cut])
        assert (await client.answer()).body == b"ok"
    assert it.origin.arrived[0].body == b"0123456789"


# --- pressure
async def test_a_slow_reader_of_a_large_answer(tmp_path: Path) -> None:
    """The origin is not read further than the buffers go; then every byte comes."""
    size, sent = 64 * MIB, 0

    async def script(visit: Visit) -> None:
        nonlocal sent
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for number in range(size // MIB):
            await visit.send(bytes((number,)) * MIB)
            sent += MIB

    async with behind_tls(tmp_path, script) as it, it.client() as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport that reads
        await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
        await it.full()
        await it.bench.turns(2000)
        assert sent < size // 2
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        await client.reader.readuntil(b"\r\n\r\n")
        for number in range(size // MIB):
            assert await client.reader.readexactly(MIB) == bytes((number,)) * MIB


async def test_a_large_upload(tmp_path: Path) -> None:
    """Every byte arrives, with a slow origin's pressure felt by the client."""
    size = 16 * MIB
    async with behind_tls(tmp_path) as it, it.client() as client:
        await client.send(b"PUT / HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n" % size)
        for number in range(size // MIB):
            await client.send(bytes((number,)) * MIB)
        assert (await client.answer()).body == b"ok"
    assert it.origin.arrived[0].body == b"".join(bytes((number,)) * MIB for number in range(size // MIB))


# --- ends
def read_to_the_end(port: int, trust: ssl.SSLContext, request: bytes) -> bytes:
    """Send a request and return all that comes, as far as TLS vouches for it. Raises OSError for an end it does not."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as sock,
        trust.wrap_socket(sock, server_hostname="localhost", suppress_ragged_eofs=False) as client,
    ):
        client.sendall(request)
        received = b""
        while data := client.recv(65536):
            received += data
        return received


OLD = b"GET / HTTP/1.0\r\n\r\n"


async def test_an_answer_that_the_end_delimits_ends_with_a_goodbye(tmp_path: Path) -> None:
    """close_notify says that this is all (RFC 9112 §9.8), at once and not after some time."""
    reply = b"HTTP/1.1 200 OK\r\n\r\n" + bytes(300_000)
    async with behind_tls(tmp_path, answering(reply, closes=True)) as it:
        received = await asyncio.to_thread(read_to_the_end, it.bench.port, it.trust, OLD)
        assert received.partition(b"\r\n\r\n")[2] == bytes(300_000)
        await it.bench.clients.gone()


async def test_an_answer_that_is_cut_short_has_no_goodbye(tmp_path: Path) -> None:
    """The origin vanishes in the middle; the client is told by an end that is none."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nsome")
        visit.reset()

    async with behind_tls(tmp_path, script) as it:
        with pytest.raises(OSError):  # noqa: PT011  a reset, or what TLS says of it
            await asyncio.to_thread(read_to_the_end, it.bench.port, it.trust, OLD)
        assert (await it.bench.facts())[0].cut


async def test_a_refused_body_does_not_cost_the_answer(tmp_path: Path) -> None:
    """What is still sent is read for a while before the goodbye, so no reset takes the answer away."""
    bad = b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n"

    def all_then_answer(port: int, trust: ssl.SSLContext) -> bytes:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as sock,
            trust.wrap_socket(sock, server_hostname="localhost") as client,
        ):
            client.sendall(bad)
            for _ in range(300):  # more than the kernel takes on its own
                client.sendall(bytes(100_000))
            return client.recv(65536)

    async with behind_tls(tmp_path) as it:
        answer = await asyncio.to_thread(all_then_answer, it.bench.port, it.trust)
        assert answer.startswith(b"HTTP/1.1 400 ")
        await it.bench.clients.gone()


async def test_a_client_that_goes_on_sending(tmp_path: Path) -> None:
    """Behind its refusal it is not read for ever: the goodbye comes, and then the end."""
    async with behind_tls(tmp_path) as it, it.client() as client:
        await client.send(b"nonsense\r\n\r\n")
        answer = await client.answer()
        assert (answer.status, answer.whole) == (400, True)
        while len(it.bench.clients):
            with contextlib.suppress(ConnectionError):
                await client.send(b"more")
            await it.bench.turns(5)
            await it.bench.pass_time(LINGER)
        await it.bench.clients.gone()


async def test_a_client_that_says_goodbye_frees_its_origin_at_once(tmp_path: Path) -> None:
    """Over TLS nobody has only finished sending: the request is given up, without a probe."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.reader.read()

    async with behind_tls(tmp_path, script) as it:
        async with it.client() as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
            await it.origin.got(1)
        await it.origin.left.wait()
        fact = (await it.bench.facts())[0]
        assert (fact.status, it.bench.gateway.in_flight, it.bench.pool.open) == (0, 0, 0)
        await it.bench.clients.gone()


async def test_a_client_that_says_goodbye_in_the_middle_of_a_body(tmp_path: Path) -> None:
    """Nothing of it is answered, and the origin sees no whole request."""
    async with behind_tls(tmp_path) as it:
        async with it.client() as client:
            await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 10\r\n\r\nhello")
            await it.origin.asked(1)
        await it.origin.left.wait()
        await it.bench.clients.gone()
    assert it.origin.arrived == []


async def test_a_client_that_vanishes_without_a_goodbye(tmp_path: Path) -> None:
    """A reset ends its exchange."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.reader.read()

    async with behind_tls(tmp_path, script) as it, it.client() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
        await it.origin.got(1)
        client.reset()
        await it.origin.left.wait()
        await it.bench.clients.gone()


async def test_an_idle_connection_is_closed(tmp_path: Path) -> None:
    """After `keep_alive`, with a goodbye; a client that does not notice does not hold it open for long."""
    async with behind_tls(tmp_path, timeouts=Timeouts(keep_alive=75)) as it, it.client() as client:
        assert (await client.get()).body == b"ok"
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a pool that looks when it needs one
        await it.bench.pass_time(76)
        assert len(it.bench.clients) == 1
        await it.bench.pass_time(LINGER + 1)
        await it.bench.clients.gone()
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert await client.ended()


@contextlib.asynccontextmanager
async def narrow(it: Behind) -> AsyncIterator[ssl.SSLSocket]:
    """Connect a client to whom little gets through at a time."""

    def connect() -> ssl.SSLSocket:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(10)
        sock.connect(("127.0.0.1", it.bench.port))
        return it.trust.wrap_socket(sock, server_hostname="localhost", suppress_ragged_eofs=False)

    with await asyncio.to_thread(connect) as client:
        await it.bench.until(lambda: all(isinstance(each, ClientConnection) for each in it.bench.clients))
        for each in it.bench.clients:
            buffer = each.transport.get_extra_info("socket")  # type: ignore[attr-defined]  # a ClientConnection
            buffer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        yield client


LAST = b"GET / HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n"
LARGE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b"


@pytest.mark.parametrize("size", [60_000, 300_000])
async def test_a_last_answer_to_a_slow_client_is_not_cut_short(size: int, tmp_path: Path) -> None:
    """What waits in the buffers below TLS counts as well, though nobody can see how much it is."""

    def rest(client: ssl.SSLSocket) -> bytes:
        return b"".join(iter(lambda: client.recv(65536), b""))

    async with behind_tls(tmp_path, answering(LARGE % (size, bytes(size)))) as it, narrow(it) as client:
        client.sendall(LAST)
        await it.bench.facts(1)
        for seconds in (LINGER + 1, 200):
            await it.bench.pass_time(seconds)
        received = await asyncio.to_thread(rest, client)
        assert received.partition(b"\r\n\r\n")[2] == bytes(size)
        client.close()
        await it.bench.clients.gone()


@pytest.mark.parametrize("size", [60_000, 300_000])
async def test_a_client_that_takes_nothing_of_its_last_answer(size: int, tmp_path: Path) -> None:
    """The close does not wait for ever."""
    async with behind_tls(tmp_path, answering(LARGE % (size, bytes(size)))) as it, narrow(it) as client:
        client.sendall(LAST)
        await it.bench.facts(1)
        for _ in range(3):
            await it.bench.pass_time(301)
        await it.bench.clients.gone()


async def test_a_client_that_takes_nothing_of_a_large_answer(tmp_path: Path) -> None:
    """`timeouts.idle` bounds it, and frees the origin."""
    reply = LARGE % (9_000_000, bytes(9_000_000))
    async with behind_tls(tmp_path, answering(reply), timeouts=Timeouts(idle=10)) as it, narrow(it) as client:
        client.sendall(LAST)
        await it.full()
        await it.bench.pass_time(11)
        await it.bench.clients.gone()
        await it.origin.left.wait()


async def test_a_client_that_says_goodbye_and_takes_nothing(tmp_path: Path) -> None:
    """Its origin is freed at once, though there is no way to be rid of what was written for it."""
    reply = LARGE % (9_000_000, bytes(9_000_000))
    async with behind_tls(tmp_path, answering(reply)) as it, narrow(it) as client:
        client.sendall(LAST)
        await it.full()
        client.settimeout(0)
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLError):  # no goodbye comes back
            client.unwrap()
        await it.origin.left.wait()
        assert (await it.bench.facts())[0].status == 200
        for _ in range(3):
            await it.bench.pass_time(301)
        await it.bench.clients.gone()


# --- tunnels
async def test_a_tunnel(tmp_path: Path) -> None:
    """The same bytes, much of them, both ways; the first come right behind the handshake."""
    async with behind_tls(tmp_path, echo) as it, it.client() as client:
        await opened(client, b"first")
        assert await client.reader.readexactly(5) == b"first"
        for size in (1, 1000, 100_000, 1_000_000):
            await client.send(bytes(size))
            assert await client.reader.readexactly(size) == bytes(size)
    assert it.origin.arrived[0].values(b"authorization") == [b"Bearer token-1"]


async def test_a_tunnel_that_its_client_leaves(tmp_path: Path) -> None:
    """The goodbye ends both directions; what came before it arrives."""
    heard = asyncio.get_running_loop().create_future()

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(SWITCH)
        heard.set_result(await visit.reader.read())

    async with behind_tls(tmp_path, script) as it:
        async with it.client() as client:
            await opened(client)
            await client.send(b"last words")
        assert await heard == b"last words"
        await it.bench.facts(1)
        await it.bench.clients.gone()


async def test_a_tunnel_that_its_origin_leaves(tmp_path: Path) -> None:
    """The client gets what was sent, and the end."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(SWITCH + bytes(300_000))

    async with behind_tls(tmp_path, script) as it:
        received = await asyncio.to_thread(read_to_the_end, it.bench.port, it.trust, HANDSHAKE)
        assert received.partition(b"\r\n\r\n")[2] == bytes(300_000)
        await it.bench.clients.gone()


async def test_a_tunnel_with_tls_on_both_sides(tmp_path: Path) -> None:
    """Each side speaks its own."""
    authority, origin = Authority(tmp_path), RawOrigin(echo)
    files = authority.gateway()
    (tmp_path / "origin").mkdir()
    async with serving(origin.visit, server_context(tmp_path / "origin")) as port:
        base = config(port)
        route = replace(
            base.routes[0],
            upstream=Upstream("https", "localhost", port),
            credential=None,
            verification=Verification(str(tmp_path / "origin" / "ca.pem")),
        )
        settings = replace(base, routes=(route,), server=replace(base.server, tls=files))
        async with running(settings) as app:
            address = app.addresses[0]
            assert isinstance(address, TcpAddress)
            async with RawClient.to(address.port, authority.trusting()) as client:
                await opened(client)
                for size in (1, 1_000_000):
                    await client.send(bytes(size))
                    assert await client.reader.readexactly(size) == bytes(size)


# --- what else is different
async def test_redirects_and_cookies_name_the_gateway(tmp_path: Path) -> None:
    """By https, as the client knows it; cookies keep what only https allows."""

    async def script(visit: Visit) -> None:
        await visit.request()
        here = b"http://127.0.0.1:%d" % visit.origin.port
        lines = b"Location: %b/x\r\nLink: <%b/y>; rel=next\r\n" % (here, here)
        cookie = b"Set-Cookie: a=b; Domain=example.org; Secure; SameSite=None\r\n"
        await visit.send(b"HTTP/1.1 302 Found\r\n%b%bContent-Length: 0\r\n\r\n" % (lines, cookie))

    async with behind_tls(tmp_path, script) as it, it.client() as client:
        answer = await client.get()
    assert answer.values(b"location") == [b"https://gateway/x"]
    assert answer.values(b"link") == [b"<https://gateway/y>; rel=next"]
    assert answer.values(b"set-cookie") == [b"a=b; Secure; SameSite=None"]


async def test_an_absolute_target_that_names_the_gateway(tmp_path: Path) -> None:
    """As https says it; another port is another server."""
    async with behind_tls(tmp_path) as it, it.client() as client:
        assert (await client.get(f"https://localhost:{it.bench.port}/x")).status == 200
        assert (await client.get("https://localhost:80/x")).status == 421
    assert it.origin.arrived[0].line == b"GET /x HTTP/1.1"


@pytest.mark.parametrize("secure", [False, True])
async def test_a_target_without_a_port_means_that_of_its_scheme(*, secure: bool) -> None:
    """443 is what https leaves out, 80 what http does."""
    for port in (80, 443):
        transport = SimpleNamespace(get_extra_info={"sockname": ("127.0.0.1", port)}.get)
        client = cast("ClientConnection", SimpleNamespace(secure=secure, transport=transport))
        assert meant(client, b"localhost") == (port == (443 if secure else 80))


async def test_what_is_said_to_who_speaks_http_again(tmp_path: Path) -> None:
    """A malformed request inside TLS is answered inside TLS."""
    async with behind_tls(tmp_path) as it, it.client() as client:
        await client.send(b"\x16\x03\x01\x00\x05hello\r\n\r\n")
        assert (await client.answer()).status == 400
