"""CONNECT: what a forward proxy is asked, and what each of its answers means."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.core.address import Upstream
from proxy.core.credential import Verification
from proxy.core.egress import EgressProxy
from proxy.errors import ConnectionFailed, EgressFailed, TlsCertificateFailed, TlsFailed
from proxy.wire.dial import SLOW, dial, tls_context
from proxy.wire.through import CLOSED, LOGIN, MALFORMED, MAX_HEAD
from tests.fakes.forward import OPENED, answering, forward_to, proxy_at, silent
from tests.fakes.origin import RawOrigin, Script, Visit, raw_origin
from tests.fakes.server import serving
from tests.wire.test_dial import Remembering, authority, mute, speaks

pytestmark = pytest.mark.usefixtures("loop_factory")

NAME = "platform.example"
REFUSAL = "The egress proxy refused a way to the platform with status {}; its operator knows why."


async def through(
    port: int,
    *,
    upstream: Upstream = Upstream("http", NAME, 80),  # noqa: B008  a frozen value
    tls: ssl.SSLContext | None = None,
    login: str | None = None,
    within: float = 5.0,
) -> str | None:
    """Dial by way of the proxy on a port, and return the TLS version that was agreed upon with the origin."""
    protocol = await dial(Remembering, upstream, tls, within, proxy_at(port, login))
    secure = protocol.transport.get_extra_info("ssl_object")
    protocol.transport.abort()
    await protocol.lost.wait()
    return None if secure is None else secure.version()


async def failure(script: Script, *, within: float = 5.0, login: str | None = None) -> EgressFailed:
    """Return how dialling fails by way of a proxy that follows a script; its socket is closed then."""
    async with raw_origin(script) as proxy:
        with pytest.raises(EgressFailed) as failed:
            await through(proxy.port, within=within, login=login)
        while proxy.closed < proxy.connections:
            proxy.left.clear()
            await proxy.left.wait()
        assert proxy.connections == 1
    return failed.value


@pytest.mark.parametrize(
    ("upstream", "where"),
    [
        (Upstream("http", NAME, 80), b"platform.example:80"),
        (Upstream("https", NAME, 443), b"platform.example:443"),
        (Upstream("https", "fd00::1", 8443), b"[fd00::1]:8443"),
    ],
)
async def test_what_is_asked(upstream: Upstream, where: bytes) -> None:
    """The origin's name and port, which the proxy resolves; nothing of what is to be sent there."""
    async with serving(speaks) as port, forward_to(port) as proxy:
        await through(proxy.port, upstream=upstream)
    assert proxy.heads == [b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (where, where)]


async def test_user_and_password_are_sent_at_once() -> None:
    """As Basic."""
    async with serving(speaks) as port, forward_to(port) as proxy:
        await through(proxy.port, login="Aladdin:open sesame")
    assert b"\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n" in proxy.heads[0]


@pytest.mark.parametrize(
    "opened",
    [
        OPENED,
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 299\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",  # RFC 9110 §9.3.6
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ],
)
async def test_tls_with_the_origin_through_the_proxy(opened: bytes, tmp_path: Path) -> None:
    """By the origin's name, verified, whatever else a proxy says with its 2xx."""
    ca, context = authority([NAME])
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    tls = tls_context(Verification(ca_file=str(tmp_path / "ca.pem")))
    async with serving(speaks, context) as port, forward_to(port, opened) as proxy:
        assert await through(proxy.port, upstream=Upstream("https", NAME, 443), tls=tls) == "TLSv1.3"


async def test_a_proxy_cannot_stand_in_for_the_origin() -> None:
    """Its certificate does not verify."""
    _, context = authority(["other.example"])
    async with serving(speaks, context) as port, forward_to(port) as proxy:
        with pytest.raises(TlsCertificateFailed):
            await through(proxy.port, upstream=Upstream("https", NAME, 443), tls=tls_context(Verification()))


async def test_an_origin_that_speaks_no_tls_behind_the_proxy() -> None:
    """Is the origin's failure, not the proxy's."""
    async with serving(speaks) as port, forward_to(port) as proxy:
        with pytest.raises(TlsFailed):
            await through(proxy.port, upstream=Upstream("https", NAME, 443), tls=tls_context(Verification()))


@pytest.mark.parametrize("status", [301, 400, 403, 502, 503])
async def test_a_refusal(status: int) -> None:
    """Says its status; what else the proxy has to say, its page too, goes nowhere."""
    said = b"HTTP/1.1 %d Secret reason\r\nContent-Length: 4\r\n\r\npage" % status
    error = await failure(answering(said))
    assert (error.status, error.code, error.detail) == (502, "connection_failed", REFUSAL.format(status))
    assert "reason" not in error.cause
    assert error.cause.endswith(f"answered CONNECT with {status}")


@pytest.mark.parametrize("status", [407, 401])
async def test_wrong_credentials_of_the_proxy(status: int) -> None:
    """407 is about them, and so is a 401 to CONNECT; they are not shown."""
    said = b'HTTP/1.1 %d Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="x"\r\n\r\n' % status
    error = await failure(answering(said), login="me:hunter2")
    assert error.detail == LOGIN.format(status)
    assert "hunter2" not in f"{error.cause}{error.detail}{error!r}"


@pytest.mark.parametrize(
    "parts",
    [
        [b"SSH-2.0-OpenSSH_9.2\r\n"],
        [b"HTTP/2 200\r\n\r\n"],
        [b"HTTP/1.1 2OO OK\r\n\r\n"],
        [b"HTTP/1.1 099 OK\r\n\r\n"],
        [b"HTTP/1.1 200 OK\n\n", b"\r\n\r\n"],
        [b"HT", b"TPS\r\n"],
        [b"HTTP/1.1 200 OK\r\nX: " + b"x" * MAX_HEAD + b"\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n" * 512] * 6],
        [OPENED + b"early"],
        [OPENED + b"\x15\x03\x01\x00\x02\x02\x28"],
    ],
    ids=["ssh", "version", "letters", "below 100", "bare LF", "nearly", "too large", "too many", "early", "alert"],
)
async def test_garbage(parts: list[bytes]) -> None:
    """What is no answer to CONNECT opens no way; nor does one with bytes behind it, for nobody has asked yet."""
    assert (await failure(answering(*parts))).detail == MALFORMED


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nX: y\r\n", b"HTTP/1.1 102 Processing\r\n\r\n"])
async def test_a_proxy_that_closes_midway(said: bytes) -> None:
    """Opens no way either."""
    assert (await failure(answering(said))).detail == CLOSED


async def test_a_proxy_that_resets() -> None:
    """Likewise."""

    async def resets(visit: Visit) -> None:
        await visit.head()
        visit.reset()

    assert (await failure(resets)).detail == CLOSED


async def test_a_proxy_that_never_answers() -> None:
    """The time to connect includes the proxy's answer, and its own socket is closed then."""
    error = await failure(silent, within=0.05)
    assert (error.detail, error.cause.endswith("within 0.05 s")) == (SLOW, True)


async def test_an_origin_that_never_answers_behind_the_proxy() -> None:
    """And the handshake with the origin."""
    async with serving(mute) as port, forward_to(port) as proxy:
        with pytest.raises(ConnectionFailed) as failed:
            await through(
                proxy.port, upstream=Upstream("https", NAME, 443), tls=tls_context(Verification()), within=0.05
            )
    assert failed.value.detail == SLOW


@pytest.mark.parametrize("part", [1, 7, 12, len(OPENED) - 1])
async def test_a_slow_proxy(part: int) -> None:
    """Its answer may come in pieces."""
    async with raw_origin(answering(OPENED[:part], OPENED[part:])) as proxy:
        assert await through(proxy.port) is None


async def test_a_proxy_that_is_not_there() -> None:
    """Refused, or without an address: its fault, not the origin's."""
    async with serving(speaks) as port:
        pass
    for proxy in (proxy_at(port), EgressProxy("no.such.invalid", 3128)):
        with pytest.raises(EgressFailed) as failed:
            await dial(Remembering, Upstream("http", NAME, 80), None, 5.0, proxy)
        assert failed.value.detail == "The egress proxy on the way to the platform could not be reached."
        assert failed.value.cause.startswith(f"{proxy}: ")


@contextlib.asynccontextmanager
async def waiting() -> AsyncIterator[tuple[RawOrigin, asyncio.Task[str | None]]]:
    """Dial by way of a proxy that does not answer."""
    async with raw_origin(silent) as proxy:
        dialling = asyncio.create_task(through(proxy.port))
        await proxy.asked(1)
        yield proxy, dialling


async def test_whoever_goes_away_meanwhile_leaves_no_socket() -> None:
    """The proxy sees the end."""
    async with waiting() as (proxy, dialling):
        dialling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dialling
        await proxy.left.wait()
        assert proxy.closed == 1
