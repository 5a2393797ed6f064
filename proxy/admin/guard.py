"""Who may ask the admin listener: nobody from elsewhere, and no web page (interface.md, "Cross-site")."""

import ipaddress
from collections.abc import Mapping

SAME_ORIGIN = frozenset(("same-origin", "none"))


def refusal(host: str, peer: str | None, fields: Mapping[str, str]) -> tuple[int, str] | None:
    """Return status and reason for a request that gets no answer, or None. `peer` is None for a Unix socket."""
    if not known_host(host):
        return 421, "host_not_allowed"
    if peer is not None and not loopback(peer):
        return 403, "client_not_allowed"
    if cross_site(host, fields):
        return 403, "cross_site"
    return None


def known_host(host: str) -> bool:
    """Return whether a Host names this machine: an IP literal, localhost, *.localhost or a single label.

    Any other name may have been bent to point here (DNS rebinding).
    """
    name = hostname(host)
    if name == "localhost" or name.endswith(".localhost") or (name and "." not in name and ":" not in name):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def hostname(host: str) -> str:
    """Return a Host value without port and brackets, in lower case."""
    name = host.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0]


def loopback(peer: str) -> bool:
    """Return whether a peer's address is of this machine."""
    address = ipaddress.ip_address(peer.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def cross_site(host: str, fields: Mapping[str, str]) -> bool:
    """Return whether a browser says that another site's page asks."""
    origin = fields.get("Origin")
    if origin is not None and origin.partition("://")[2].lower() != host.strip().lower():
        return True
    site = fields.get("Sec-Fetch-Site")
    return site is not None and site not in SAME_ORIGIN
