"""What a trusted proxy in front of the gateway says of a request: who asks, by which scheme, for which host."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from proxy.core.access import UNKNOWN, Network, within
from proxy.core.fields import Control

# No way to here has more proxies of one's own; what lies further left was written by whoever asked.
HOPS = 32
SCHEMES = frozenset((b"http", b"https"))
# An address; some proxies write a port beside it, or a zone, which means something on their machine alone.
_PORT, _ZONE = rb"(?::[0-9]{1,5})?", rb"(?:%[0-9A-Za-z._~-]+)?"
_ENTRY = re.compile(rb"\[([0-9A-Fa-f:.]+)%b\]%b|([0-9.]+)%b|([0-9A-Fa-f:.]+)%b" % (_ZONE, _PORT, _PORT, _ZONE))


@dataclass(frozen=True, slots=True)
class Forwarded:
    """`address` is the client's or UNKNOWN, `host` the value of X-Forwarded-Host; `lines` are the other two, ready."""

    address: str
    scheme: bytes
    host: bytes
    lines: bytes

    @property
    def hosts(self) -> list[bytes]:
        """The hosts that were asked for, one for each proxy on the way."""
        return [host.strip(b" \t") for host in self.host.split(b",")]


def forwarded(control: Control, peer: str, trusted: Sequence[Network], scheme: bytes, host: bytes) -> Forwarded:
    """Return what is believed of a request from a trusted peer that asked for `host` by `scheme`."""
    addresses = believed(control.get(b"x-forwarded-for", b""), peer, trusted)
    told = control.get(b"x-forwarded-proto", b"").lower()
    scheme = told if told in SCHEMES else scheme
    return Forwarded(addresses[0], scheme, control.get(b"x-forwarded-host", host), telling(addresses, scheme))


def telling(addresses: Sequence[str], scheme: bytes) -> bytes:
    """Return the lines that tell the origin of a client, and the proxies behind it; a Unix socket's has no address."""
    line = b"X-Forwarded-For: %b\r\n" % ", ".join(addresses).encode() if addresses else b""
    return b"%bX-Forwarded-Proto: %b\r\n" % (line, scheme)


def believed(value: bytes, peer: str, trusted: Sequence[Network]) -> list[str]:
    """Return the addresses from the client's to the peer's: the right-most that is no trusted proxy comes first.

    An entry that is no address ends the walk: whom a trusted proxy does not name is UNKNOWN, and nothing left of it is
    believed.
    """
    addresses = [peer]
    for entry in reversed(list(filter(None, map(bytes.strip, value.split(b",")[-HOPS:])))):  # RFC 9110 §5.6.1.2
        if not within(addresses[0], trusted):
            break
        address = address_of(entry)
        addresses.insert(0, address or UNKNOWN)
        if address is None:
            break
    return addresses


def address_of(entry: bytes) -> str | None:
    """Return the IP address in an entry of X-Forwarded-For, None where there is none."""
    match = _ENTRY.fullmatch(entry)
    if match is None:
        return None
    bracketed, v4, v6 = match.groups()
    try:
        return str(ipaddress.IPv4Address(v4.decode()) if v4 else ipaddress.IPv6Address((bracketed or v6).decode()))
    except ValueError:
        return None
