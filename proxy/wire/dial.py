"""The way to an origin: addresses, TCP, TLS. Every foreign exception of connecting becomes ours here."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

import aiohappyeyeballs

from proxy.core.address import Upstream
from proxy.core.credential import Verification
from proxy.errors import (
    ConnectionFailed,
    ConnectionRefused,
    DnsFailed,
    OriginError,
    TlsCertificateFailed,
    TlsFailed,
    Unroutable,
)

P = TypeVar("P", bound=asyncio.Protocol)

# RFC 8305 §5: how long one address is tried before the next is tried beside it, in seconds.
EYEBALLS_DELAY = 0.25
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


async def dial(new_protocol: Callable[[], P], upstream: Upstream, tls: ssl.SSLContext | None, within: float) -> P:
    """Connect to an origin within `within` seconds: name, address, handshake and all. Raises OriginError."""
    try:
        async with asyncio.timeout(within):
            sock = await _connect(upstream)
            return await _protocol(new_protocol, sock, upstream, tls)
    except TimeoutError:
        raise ConnectionFailed from None
    except (OSError, RuntimeError) as error:  # uvloop raises RuntimeError for some addresses
        raise as_ours(error) from error


async def _connect(upstream: Upstream) -> socket.socket:
    loop = asyncio.get_running_loop()
    addresses = await loop.getaddrinfo(upstream.host, upstream.port, type=socket.SOCK_STREAM)
    return await aiohappyeyeballs.start_connection(addresses, happy_eyeballs_delay=EYEBALLS_DELAY, loop=loop)


async def _protocol(
    new_protocol: Callable[[], P], sock: socket.socket, upstream: Upstream, tls: ssl.SSLContext | None
) -> P:
    loop = asyncio.get_running_loop()
    name = None if tls is None else upstream.host
    try:
        _, protocol = await loop.create_connection(new_protocol, sock=sock, ssl=tls, server_hostname=name)
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
