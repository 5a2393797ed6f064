"""Who may ask the admin listener: nobody from elsewhere, and no web page (interface.md, "Cross-site").

The rules are the gateway's own (`core/hosts.py`, `core/cors.py`), but no page is listed here: those that may use the
gateway may not steer it.
"""

from collections.abc import Mapping

from proxy.core.access import Access
from proxy.core.cors import cross_site, origin_of
from proxy.core.hosts import Hosts
from proxy.errors import ClientNotAllowed, CrossSite, HostNotAllowed, RequestRefused
from proxy.wire.target import good_host

LOOPBACK_ALONE = Access()
HTTP = b"http"


def refusal(hosts: Hosts, peer: str | None, fields: Mapping[bytes, bytes]) -> RequestRefused | None:
    """Return why a request gets no answer, or None. `peer` is None for a Unix socket; names are lower-case."""
    host = fields.get(b"host", b"")
    if not (good_host(host) and hosts.answered(host)):
        return HostNotAllowed()
    if peer is not None and not LOOPBACK_ALONE.allows(peer):
        return ClientNotAllowed()
    if cross_site(fields, {origin_of(HTTP, host)}, frozenset()):
        return CrossSite()
    return None
