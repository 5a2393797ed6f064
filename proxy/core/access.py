"""Who may use the gateway."""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from proxy.core.secret import SecretSource

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# RFC 1122 §3.2.1.3, RFC 4291 §2.5.3.
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
# RFC 1918, RFC 3927, RFC 4193, RFC 4291 §2.5.6.
PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10")
)
ANY = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
# A client that a proxy does not name.
UNKNOWN = "unknown"
NAMES: dict[str, tuple[Network, ...]] = {"loopback": LOOPBACK, "private": (*LOOPBACK, *PRIVATE), "any": ANY}


@dataclass(frozen=True, slots=True)
class Access:
    """`[access]`: the networks whose peers are answered (those of a Unix socket always are), and what else is asked.

    `allowed_hosts` are lower-case names, `cors_origins` origins as browsers write them; `client_keys` are by the name
    of who has them; peers in `trusted_proxies` are believed what they say of their clients.
    """

    allow: tuple[Network, ...] = LOOPBACK
    allowed_hosts: frozenset[bytes] = frozenset()
    cors_origins: frozenset[bytes] = frozenset()
    client_keys: Mapping[str, SecretSource] = field(default_factory=dict)
    trusted_proxies: tuple[Network, ...] = ()

    def allows(self, peer: str) -> bool:
        """Return whether an address is in one of the networks; one that is UNKNOWN has to be in all there are."""
        return within(peer, self.allow) if peer != UNKNOWN else set(ANY) <= set(self.allow)

    @property
    def beyond_loopback(self) -> bool:
        """Whether anybody else than this machine is let in."""
        return any(
            not any(network.version == own.version and network.subnet_of(own) for own in LOOPBACK)  # type: ignore[arg-type]  # versions are equal
            for network in self.allow
        )


def within(peer: str, among: Iterable[Network]) -> bool:
    """Return whether an address is in one of the networks; IPv4 in IPv6 counts as IPv4."""
    address = ipaddress.ip_address(peer.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return any((mapped or address) in network for network in among)


def networks(text: str) -> tuple[Network, ...]:
    """Return what "loopback", "private", "any" or a CIDR names. Raises ValueError."""
    return NAMES[text] if text in NAMES else (ipaddress.ip_network(text),)
