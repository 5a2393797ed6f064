"""Targets and authorities: what a request asks for, and of whom (RFC 9112 §3.2)."""

import ipaddress
import re

from proxy.errors import BadRequest

# RFC 3986 §3.2.2 host and port, as far as a Host field may carry them; an empty host is allowed (RFC 9110 §7.2).
HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+;=%-]*)(?::([0-9]{0,5}))?")
ABSOLUTE = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
PORTS = 65_535
GOOD_HOSTS: set[bytes] = set()
REMEMBERED = 64


def good_host(host: bytes) -> bool:
    """Return whether a Host is well-formed, and remember the first that are: they come again with each request."""
    match = HOST.fullmatch(host)
    good = match is not None and int(match[2] or 0) <= PORTS and (not host.startswith(b"[") or is_ipv6(match[1]))
    if good and len(GOOD_HOSTS) < REMEMBERED:
        GOOD_HOSTS.add(host)
    return good


def is_ipv6(literal: bytes) -> bool:
    """Return whether a text in brackets is an IPv6 address."""
    try:
        ipaddress.IPv6Address(literal[1:-1].decode())
    except ValueError:
        return False
    return True


def read_target(url: bytes, method: bytes) -> tuple[bytes, bytes]:
    """Return the target in origin-form (RFC 9112 §3.2), byte for byte as it came, and its authority if it had one.

    Raises BadRequest.
    """
    if b"#" not in url:
        if url.startswith(b"/") or (url == b"*" and method == b"OPTIONS"):
            return url, b""  # the very same bytes
        absolute = ABSOLUTE.fullmatch(url)
        if absolute and absolute[1] and good_host(absolute[1]):
            authority, path = absolute.groups()
            if not path and method == b"OPTIONS":
                return b"*", authority  # RFC 9112 §3.2.4
            return (path if path.startswith(b"/") else b"/" + path), authority
    raise BadRequest("The request's target is malformed (RFC 9112 section 3.2).")
