"""What a trusted proxy in front of the gateway says of a request: who asks, by which scheme, for which host."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from proxy.core.access import Network, within
from proxy.core.fields import Control

# No way to here has more proxies of one's own; what lies further left was written by whoever asked.
HOPS = 32
SCHEMES = frozenset((b"http", b"https"))


@dataclass(frozen=True, slots=True)
class Forwarded:
    """`address` is the client's, `host` the value of X-Forwarded-Host; `lines` are the other two, ready to be sent."""

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

    An entry that is no address ends the walk: nothing left of it is believed.
    """
    addresses = [peer]
    for entry in reversed(value.split(b",")[-HOPS:]):
        if not within(addresses[0], trusted):
            break
        address = address_of(entry.strip(b" \t"))
        if address is None:
            break
        addresses.insert(0, address)
    return addresses


def address_of(entry: bytes) -> str | None:
    """Return the IP address in an entry of X-Forwarded-For; some proxies write a port beside it."""
    text = entry.decode("latin-1")
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
