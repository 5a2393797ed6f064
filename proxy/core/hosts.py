"""Which Host names are answered: those that nobody else can have pointed here (DNS rebinding)."""

import ipaddress
import re
from collections.abc import Iterable

# RFC 6761 §6.3: localhost and what ends in it never leave the machine. A single label is found in no public zone.
LOCAL = re.compile(rb"(?:[a-z0-9_-]+\.)*localhost|[a-z0-9_-]+")
# What browsers and resolvers read as an IPv4 address all the same (WHATWG URL, "ends in a number"): no name.
NUMBER = re.compile(rb"[0-9]+|0x[0-9a-f]*")
# How many Host values are remembered as answered: one machine is called by a handful of names.
REMEMBERED = 64
# TCP has no port of more digits; leading zeros do not make one of it.
PORT_DIGITS = 5


class Hosts:
    """The Host names that are answered: literals, local names, and those that the operator has written down."""

    def __init__(self, names: Iterable[bytes] = ()) -> None:
        self.names = frozenset(names)
        self.known: set[bytes] = set()  # Host values that were found good, as they came

    def answered(self, host: bytes) -> bool:
        """Return whether a Host value, with or without a port, names this gateway."""
        if host in self.known:
            return True
        name = hostname(host)
        good = name in self.names or local(name) or literal(name)
        if good:
            if len(self.known) >= REMEMBERED:  # anew: whoever comes first with made-up names does not fill it for ever
                self.known.clear()
            self.known.add(host)
        return good


def local(name: bytes) -> bool:
    """Return whether a lower-case name is localhost, *.localhost or a single label."""
    return LOCAL.fullmatch(name) is not None and NUMBER.fullmatch(name) is None


def literal(name: bytes) -> bool:
    """Return whether a name is the IP address of a host in its usual form, one of IPv6 in brackets.

    `0.0.0.0`, `[::]` and IPv4 in IPv6 are not: systems take them for this machine, browsers do not, and so send an
    image's or a script's request there without Origin and Sec-Fetch-Site (Fetch Metadata §2, Secure Contexts §3.1).
    """
    try:
        if name.startswith(b"[") and name.endswith(b"]"):
            v6 = ipaddress.IPv6Address(name[1:-1].decode("ascii"))
            return not v6.is_unspecified and v6.ipv4_mapped is None
        return not ipaddress.IPv4Address(name.decode("ascii")).is_unspecified
    except ValueError:
        return False


def hostname(host: bytes) -> bytes:
    """Return a Host value without its port, in lower case."""
    return split_authority(host)[0]


def split_authority(authority: bytes) -> tuple[bytes, int | None]:
    """Return the lower-case host and the port, if there is one, of a well-formed Host value; of any other, itself."""
    name = authority.lower()
    head, colon, port = name.rpartition(b":")
    if not colon or name.endswith(b"]") or len(port) > PORT_DIGITS or not (port.isdigit() or not port):
        return name, None
    return head, int(port) if port else None
