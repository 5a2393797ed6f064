"""The way through a forward proxy: CONNECT (RFC 9110 §9.3.6) on a plain socket, before anything else is said on it.

The proxy's answer is read here and goes nowhere else.
"""

import asyncio
import re
import socket

from proxy.core.address import Upstream
from proxy.core.egress import EgressProxy
from proxy.errors import EgressFailed

# Proxies explain a refusal at some length; whatever has more than this in its head is none.
MAX_HEAD = 16 * 1024
START = b"HTTP/1."
END = b"\r\n\r\n"
# RFC 9110 §15.5.8; tinyproxy has 401 for wrong ones, and who else could have answered?
WRONG_LOGIN = frozenset((407, 401))
_STATUS = re.compile(rb"HTTP/1\.\d ([1-9]\d\d)(?: [^\r\n]*)?\r\n")

MALFORMED = "The answer of the egress proxy is not valid HTTP."
CLOSED = "The egress proxy closed the connection instead of opening a way to the platform."
REFUSED = "The egress proxy refused a way to the platform with status {}; its operator knows why."
LOGIN = "The egress proxy wants a user and a password, or others than it got (status {})."


async def open_way(sock: socket.socket, upstream: Upstream, proxy: EgressProxy) -> None:
    """Have the proxy at the other end of a non-blocking socket open a way to an origin. Raises EgressFailed, OSError.

    Whoever calls bounds the time and closes the socket.
    """
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, request(upstream, proxy))
    status = 100
    head = b""
    while status < 200:  # noqa: PLR2004  interim answers (RFC 9110 §15.2)
        head, behind = await _head(sock, head)
        status, head = _status(head, proxy), behind
    if status >= 300:  # noqa: PLR2004  RFC 9110 §9.3.6: any of 2xx opens the way
        words = LOGIN if status in WRONG_LOGIN else REFUSED
        raise EgressFailed(words.format(status), cause=f"{proxy} answered CONNECT with {status}")
    if head:
        raise EgressFailed(MALFORMED, cause=f"{proxy} sent bytes behind its answer to CONNECT")


def request(upstream: Upstream, proxy: EgressProxy) -> bytes:
    """Return the request for a way to an origin; the port is always said (RFC 9112 §3.2.3)."""
    where = b"%b:%d" % (upstream.literal, upstream.port)
    lines = [b"CONNECT %b HTTP/1.1" % where, b"Host: %b" % where]
    if proxy.authorization is not None:
        lines.append(b"Proxy-Authorization: %b" % proxy.authorization.encode())
    return b"\r\n".join((*lines, b"", b""))


async def _head(sock: socket.socket, read: bytes) -> tuple[bytes, bytes]:
    """Return a header section and what came behind it; `read` has come already. The end is b""."""
    loop = asyncio.get_running_loop()
    while END not in read and len(read) < MAX_HEAD and read[: len(START)] == START[: len(read)]:
        more = await loop.sock_recv(sock, MAX_HEAD)
        if not more:
            return b"", b""
        read += more
    head, end, behind = read.partition(END)
    return head + end, behind


def _status(head: bytes, proxy: EgressProxy) -> int:
    if not head:
        raise EgressFailed(CLOSED, cause=f"{proxy} closed the connection before it had answered CONNECT")
    match = _STATUS.match(head)
    if match is None or not head.endswith(END) or len(head) > MAX_HEAD:
        raise EgressFailed(MALFORMED, cause=f"{proxy} answered CONNECT with no header section of HTTP/1.1")
    return int(match[1])
