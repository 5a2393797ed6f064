"""The way to an origin: addresses, TCP, a forward proxy, TLS. Every foreign exception of connecting becomes ours."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

import aiohappyeyeballs

from proxy.core.address import Upstream
from proxy.core.credential import Verification
from proxy.core.egress import EgressProxy
from proxy.errors import (
    ConnectionFailed,
    ConnectionRefused,
    DnsFailed,
    EgressFailed,
    OriginError,
    TlsCertificateFailed,
    TlsFailed,
    Unroutable,
)
from proxy.wire.decrypted import Decrypted
from proxy.wire.through import CLOSED, open_way

P = TypeVar("P", bound=asyncio.Protocol)

# RFC 8305 §5: how long one address is tried before the next is tried beside it, in seconds.
EYEBALLS_DELAY = 0.25
SLOW = "No connection to the platform could be made in time by way of the egress proxy."
UNROUTABLE = frozenset((errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN))


def tls_context(verification: Verification) -> ssl.SSLContext:
    """Return how TLS is spoken with an origin. Raises OSError when `ca_file` cannot be read or holds no certificate."""
    context = ssl.create_default_context()
    if verification.ca_file is not None:
        context.load_verify_locations(verification.ca_file)
    if not verification.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context


async def dial(
    new_protocol: Callable[[], P],
    upstream: Upstream,
    tls: ssl.SSLContext | None,
    within: float,
    proxy: EgressProxy | None = None,
) -> P:
    """Connect to an origin within `within` seconds: name, address, proxy, handshake and all. Raises OriginError."""
    try:
        async with asyncio.timeout(within):
            sock = await (_connect(upstream.host, upstream.port) if proxy is None else _through(proxy, upstream))
            return await _protocol(new_protocol, sock, upstream, tls)
    except TimeoutError:
        if proxy is not None:
            raise EgressFailed(SLOW, cause=f"no connection by way of {proxy} within {within:g} s") from None
        raise ConnectionFailed from None
    except (OSError, RuntimeError) as error:  # uvloop raises RuntimeError for some addresses
        raise as_ours(error) from error


async def _connect(host: str, port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return await aiohappyeyeballs.start_connection(addresses, happy_eyeballs_delay=EYEBALLS_DELAY, loop=loop)


async def _through(proxy: EgressProxy, upstream: Upstream) -> socket.socket:
    """Return a socket on which a proxy has opened the way to an origin."""
    try:
        sock = await _connect(proxy.host, proxy.port)
    except (OSError, RuntimeError) as error:
        raise EgressFailed(cause=f"{proxy}: {error}") from error
    try:
        await open_way(sock, upstream, proxy)
    except OSError as error:
        sock.close()
        raise EgressFailed(CLOSED, cause=f"{proxy}: {error}") from error
    except BaseException:
        sock.close()
        raise
    return sock


async def _protocol(
    new_protocol: Callable[[], P], sock: socket.socket, upstream: Upstream, tls: ssl.SSLContext | None
) -> P:
    loop = asyncio.get_running_loop()
    protocol = new_protocol()
    reader, name = (protocol, None) if tls is None else (Decrypted(protocol), upstream.host)
    try:
        await loop.create_connection(lambda: reader, sock=sock, ssl=tls, server_hostname=name)
    except BaseException:
        sock.close()
        raise
    return protocol


def as_ours(error: Exception) -> OriginError:
    """Return our error for one that connecting has raised."""
    cause = str(error)
    match error:
        case socket.gaierror():
            return DnsFailed(cause=cause)
        case ssl.SSLCertVerificationError():
            return TlsCertificateFailed(cause=cause)
        case ssl.SSLError() | ConnectionResetError() | ConnectionAbortedError():
            return TlsFailed(cause=cause)
        case ConnectionRefusedError():
            return ConnectionRefused(cause=cause)
        case OSError(errno=number) if number in UNROUTABLE:
            return Unroutable(cause=cause)
    return ConnectionFailed(cause=cause)
