"""The way to an origin: addresses, TCP, TLS, and what each failure is called."""

import asyncio
import os
import ssl
from pathlib import Path

import pytest
import trustme

from proxy.core.address import Upstream
from proxy.core.credential import Verification
from proxy.errors import ConnectionFailed, ConnectionRefused, DnsFailed, OriginError, TlsCertificateFailed, TlsFailed
from proxy.wire.dial import dial, tls_context
from tests.fakes.server import serving

pytestmark = pytest.mark.usefixtures("loop_factory")


async def speaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say something, whoever comes."""
    writer.write(b"HTTP/1.1 400 not TLS\r\n\r\n")
    await reader.read()


async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Never say a word."""
    del writer
    await reader.read()


def authority(names: list[str]) -> tuple[trustme.CA, ssl.SSLContext]:
    """Return an authority and a server's context with a certificate of it for these names."""
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names).configure_cert(context)
    return ca, context


async def connect(host: str, port: int, tls: ssl.SSLContext | None = None, within: float = 5.0) -> str | None:
    """Dial and return the TLS version that was agreed upon."""
    upstream = Upstream("https" if tls else "http", host, port)
    protocol = await dial(Remembering, upstream, tls, within)
    secure = protocol.transport.get_extra_info("ssl_object")
    protocol.transport.abort()
    await protocol.lost.wait()
    return None if secure is None else secure.version()


class Remembering(asyncio.Protocol):
    """Keeps its transport, and what it reads."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()
        self.pieces: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        """Keep it."""
        self.pieces.append(data)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]  # uvloop's is no subclass

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell of the end."""
        del exc
        self.lost.set()


async def test_a_verified_tls_connection(tmp_path: Path) -> None:
    """With the authority in `ca_file` the connection is made, by the name that was asked for."""
    ca, context = authority(["localhost", "127.0.0.1"])
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with serving(speaks, context) as port:
        tls = tls_context(Verification(ca_file=str(tmp_path / "ca.pem")))
        assert await connect("127.0.0.1", port, tls) == "TLSv1.3"


@pytest.mark.parametrize("known", [False, True], ids=["unknown authority", "wrong name"])
async def test_a_certificate_that_does_not_verify(known: bool, tmp_path: Path) -> None:
    """An authority that nobody knows, or a name that the certificate lacks: no connection."""
    ca, context = authority(["other.example"])
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with serving(speaks, context) as port:
        tls = tls_context(Verification(ca_file=str(tmp_path / "ca.pem") if known else None))
        with pytest.raises(TlsCertificateFailed):
            await connect("127.0.0.1", port, tls)


async def test_verification_can_be_turned_off() -> None:
    """`verify = false` is the only way past it."""
    _, context = authority(["other.example"])
    async with serving(speaks, context) as port:
        assert await connect("127.0.0.1", port, tls_context(Verification(verify=False))) == "TLSv1.3"


async def test_what_comes_by_tls_is_read_as_it_was_sent() -> None:
    """Whatever its size, on two connections at a time; what has been handed on stays as it is, whoever reads next."""
    sent = [os.urandom(size) for size in (1, 16 * 1024 + 1, 1_000_000)]

    async def sends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = (await reader.readexactly(1))[0]
        for piece in sent:
            writer.write(bytes([number]) + piece)
            await writer.drain()
        writer.close()

    _, context = authority(["localhost"])
    async with serving(sends, context) as port:
        tls, upstream = tls_context(Verification(verify=False)), Upstream("https", "127.0.0.1", port)
        dialled = [await dial(Remembering, upstream, tls, 5.0) for _ in range(2)]
        for number, each in enumerate(dialled):
            each.transport.write(bytes([number]))
        for number, each in enumerate(dialled):
            await each.lost.wait()
            assert b"".join(each.pieces) == b"".join(bytes([number]) + piece for piece in sent)


async def test_something_that_does_not_speak_tls() -> None:
    """Plain HTTP where TLS was expected is a protocol error, not a certificate's."""
    async with serving(speaks) as port:
        with pytest.raises(TlsFailed) as failed:
            await connect("127.0.0.1", port, tls_context(Verification()))
    assert not isinstance(failed.value, TlsCertificateFailed)


async def test_a_handshake_that_takes_too_long() -> None:
    """The time to connect includes the handshake."""
    async with serving(mute) as port:
        with pytest.raises(ConnectionFailed):
            await connect("127.0.0.1", port, tls_context(Verification()), within=0.05)


@pytest.mark.parametrize(
    ("host", "error"),
    [("127.0.0.1", ConnectionRefused), ("localhost", ConnectionRefused), ("no.such.invalid", DnsFailed)],
)
async def test_failures_have_their_names(host: str, error: type[OriginError]) -> None:
    """A refused connection and a name without an address are told apart."""
    async with serving(speaks) as port:
        pass
    with pytest.raises(error):
        await connect(host, port)


def test_an_authority_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, or one without a certificate, is an OSError that names the trouble."""
    (tmp_path / "empty.pem").write_text("")
    for name in ("none.pem", "empty.pem"):
        with pytest.raises(OSError, match=r"."):
            tls_context(Verification(ca_file=str(tmp_path / name)))
