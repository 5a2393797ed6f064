"""Between a client's connecting and its first request: who gets through, and what becomes of the others."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import trustme

from proxy.core.timeouts import Timeouts
from proxy.core.tls_events import HandshakeFailed
from proxy.wire.clients import Clients
from proxy.wire.handshake import Handshake
from tests.fakes.authority import Authority
from tests.fakes.gateway import RawClient, gateway_to
from tests.fakes.origin import raw_origin

pytestmark = pytest.mark.usefixtures("loop_factory")

REQUEST = b"GET / HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n"


def said_to(port: int, context: ssl.SSLContext) -> str:
    """Ask with Python's own ssl; return the answer's status line, or what TLS said instead."""
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as sock,
            context.wrap_socket(sock, server_hostname="localhost") as client,
        ):
            client.sendall(REQUEST)
            return client.recv(65536).partition(b"\r\n")[0].decode()
    except ssl.SSLError as error:
        return str(error.reason)


def limited(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    """Return the context with this version as its only one."""
    context.maximum_version = version
    return context


async def test_a_client_with_a_certificate_of_the_authority(tmp_path: Path) -> None:
    """It is served, and its name goes with what it asks."""
    authority = Authority(tmp_path)
    certificate = SimpleNamespace(context=authority.gateway(asks=True).context())
    async with raw_origin() as origin, gateway_to(origin.port, certificate=certificate) as bench:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = limited(authority.client("cron@example.org", name="cron"), version)
            assert await asyncio.to_thread(said_to, bench.port, context) == "HTTP/1.1 200 OK"
        assert await asyncio.to_thread(said_to, bench.port, authority.client("jobs.example.org")) == "HTTP/1.1 200 OK"
        assert [fact.client for fact in await bench.facts(3)] == ["cron", "cron", "jobs.example.org"]
        assert bench.failed == []


Refused = tuple[Callable[[Authority], ssl.SSLContext], str, str]
REFUSED: dict[str, Refused] = {
    "no certificate": (
        lambda authority: authority.trusting(),
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "peer did not return a certificate",
    ),
    "another authority's": (
        lambda authority: authority.client("x.example", by=trustme.CA()),
        "TLSV1_ALERT_UNKNOWN_CA",
        "certificate verify failed: unable to get local issuer certificate",
    ),
    "expired": (
        lambda authority: authority.client("x.example", expired=True),
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "certificate verify failed: certificate has expired",
    ),
    "no certificate, TLS 1.2": (
        lambda authority: limited(authority.trusting(), ssl.TLSVersion.TLSv1_2),
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "peer did not return a certificate",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_client_that_is_not_let_in(case: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is told why by an alert, nothing is served, and the cause is told with its address; no traceback anywhere."""
    of, alert, cause = REFUSED[case]
    authority = Authority(tmp_path)
    certificate = SimpleNamespace(context=authority.gateway(asks=True).context())
    with caplog.at_level(logging.DEBUG):
        async with raw_origin() as origin, gateway_to(origin.port, certificate=certificate) as bench:
            assert await asyncio.to_thread(said_to, bench.port, of(authority)) == alert
            await bench.clients.gone()
    assert (origin.connections, bench.finished) == (0, [])
    (failed,) = bench.failed
    assert failed.peer == "127.0.0.1"
    assert failed.cause.endswith(cause)
    assert [record for record in caplog.records if record.levelno > logging.DEBUG or record.exc_info] == []


NO_TLS = {
    "[SSL: HTTP_REQUEST] http request": REQUEST,
    "[SSL: HTTPS_PROXY_REQUEST] https proxy request": b"CONNECT g:443 HTTP/1.1\r\nHost: g:443\r\n\r\n",
    "[SSL: WRONG_VERSION_NUMBER] wrong version number": bytes(range(256)),
}


@pytest.mark.parametrize("cause", NO_TLS)
async def test_what_is_no_tls(cause: str, tmp_path: Path) -> None:
    """The connection ends at once, and nothing crosses."""
    certificate = SimpleNamespace(context=Authority(tmp_path).gateway().context())
    async with raw_origin() as origin, gateway_to(origin.port, certificate=certificate) as bench:
        async with RawClient.to(bench.port) as client:
            await client.send(NO_TLS[cause])
            assert await client.ended()
        await bench.clients.gone()
    assert (origin.connections, bench.finished) == (0, [])
    assert [failed.cause for failed in bench.failed] == [cause]


async def test_versions_that_are_too_old(tmp_path: Path) -> None:
    """TLS 1.2 at least."""
    authority = Authority(tmp_path)
    certificate = SimpleNamespace(context=authority.gateway().context())
    assert certificate.context.minimum_version == ssl.TLSVersion.TLSv1_2
    async with raw_origin() as origin, gateway_to(origin.port, certificate=certificate) as bench:
        async with RawClient.to(bench.port) as client:
            await client.send(HELLO_1_1)
            assert await client.reader.readexactly(7) == b"\x15\x03\x02\x00\x02\x02\x46"  # protocol_version, fatal
        await bench.clients.gone()
    assert [failed.cause for failed in bench.failed] == ["[SSL: UNSUPPORTED_PROTOCOL] unsupported protocol"]


# A ClientHello of TLS 1.1: version, 32 bytes of random, no session, two suites of its time, no compression.
_BODY = b"\x03\x02" + bytes(32) + b"\x00" + b"\x00\x04\xc0\x13\x00\x2f" + b"\x01\x00"
HELLO_1_1 = b"\x16\x03\x01" + (len(_BODY) + 4).to_bytes(2, "big") + b"\x01" + len(_BODY).to_bytes(3, "big") + _BODY


async def test_http_1_1_is_what_is_agreed_on(tmp_path: Path) -> None:
    """ALPN, whatever else the client would like (RFC 7301); a client without it is served as well."""
    authority = Authority(tmp_path)
    certificate = SimpleNamespace(context=authority.gateway().context())
    async with raw_origin() as origin, gateway_to(origin.port, certificate=certificate) as bench:
        for offered, agreed in ((["h2", "http/1.1"], "http/1.1"), ([], None)):
            context = authority.trusting()
            if offered:
                context.set_alpn_protocols(offered)
            async with bench.client(context) as client:
                assert client.writer.get_extra_info("ssl_object").selected_alpn_protocol() == agreed
                assert (await client.get()).status == 200


async def test_a_client_that_names_no_host(tmp_path: Path) -> None:
    """SNI is not needed: who connects by address sends none."""
    authority = Authority(tmp_path)
    certificate = SimpleNamespace(context=authority.gateway().context())
    context = authority.trusting()
    context.check_hostname = False
    async with raw_origin() as origin, gateway_to(origin.port, certificate=certificate) as bench:
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.port, ssl=context, server_hostname="")
        assert (await RawClient(reader, writer).get()).status == 200
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("begun", [b"", b"\x16\x03\x01\x02\x00\x01"])
async def test_a_handshake_that_is_never_finished(begun: bytes, tmp_path: Path) -> None:
    """`client_header` bounds it; until then no coroutine waits for a request of this client."""
    certificate = SimpleNamespace(context=Authority(tmp_path).gateway().context())
    timeouts = Timeouts(client_header=0.05)
    async with raw_origin() as origin, gateway_to(origin.port, certificate=certificate, timeouts=timeouts) as bench:
        async with RawClient.to(bench.port) as client:
            await client.send(begun)
            assert await client.ended()
        await bench.clients.gone()
    assert "longer than 0.05 seconds" in bench.failed[0].cause


async def test_a_client_that_leaves_in_the_middle(tmp_path: Path) -> None:
    """That is told in a word, and nothing of it stays."""
    certificate = SimpleNamespace(context=Authority(tmp_path).gateway().context())
    async with raw_origin() as origin, gateway_to(origin.port, certificate=certificate) as bench:
        async with RawClient.to(bench.port) as client:
            await client.send(b"\x16\x03\x01\x02\x00\x01")
            await bench.until(lambda: len(bench.clients))
        await bench.clients.gone()
        async with RawClient.to(bench.port) as client:
            await bench.until(lambda: len(bench.clients))
            client.reset()
            await bench.clients.gone()
    assert bench.failed[0].cause == "the client left in the middle"
    assert len(bench.failed) == 2


@pytest.mark.parametrize("turns", range(6))
async def test_a_handshake_that_is_ended_wherever_it_stands(turns: int, tmp_path: Path) -> None:
    """A drain waits for no handshake: nothing has been asked yet."""
    authority = Authority(tmp_path)
    certificate = SimpleNamespace(context=authority.gateway().context())
    async with raw_origin() as origin, gateway_to(origin.port, certificate=certificate) as bench:
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
        writer.write(b"\x16\x03\x01\x02\x00\x01")
        await bench.until(lambda: len(bench.clients))
        await bench.turns(turns)
        for each in bench.clients:
            each.leave()
        await bench.clients.gone()
        assert await RawClient(reader, writer).ended()
        writer.close()
    assert bench.failed == []


class Hasty(Handshake):
    """One that is ended before it has begun."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, and end."""
        super().connection_made(transport)
        self.leave()


async def test_a_handshake_that_is_ended_before_it_begins(tmp_path: Path) -> None:
    """Its connection ends with it."""
    certificate = SimpleNamespace(context=Authority(tmp_path).gateway().context())
    clients, failed = Clients(), list[HandshakeFailed]()
    loop = asyncio.get_running_loop()
    hasty = Hasty(certificate, 30.0, asyncio.Protocol, clients, failed.append)
    server = await loop.create_server(lambda: hasty, "127.0.0.1", 0)
    async with RawClient.to(server.sockets[0].getsockname()[1]) as client:
        assert await client.ended()
    server.close()
    await clients.gone()
    assert failed == []


async def test_many_at_once(tmp_path: Path) -> None:
    """A hundred handshakes side by side, each served."""
    authority = Authority(tmp_path)
    certificate = SimpleNamespace(context=authority.gateway().context())
    trust = authority.trusting()
    async with raw_origin() as origin, gateway_to(origin.port, certificate=certificate) as bench:

        async def ask() -> int:
            async with bench.client(trust) as client:
                return (await client.get()).status

        assert await asyncio.gather(*(ask() for _ in range(100))) == [200] * 100
        await bench.clients.gone()
