"""Who may ask the admin listener, and what: nobody from elsewhere, and no web page (interface.md, "Cross-site").

The rules are the gateway's own (`core/hosts.py`, `core/cors.py`), but no page is listed here: those that may use the
gateway may not steer it.
"""

from collections.abc import Iterable, Mapping

from proxy.core.access import LOOPBACK, Network, within
from proxy.core.cors import cross_site, origin_of
from proxy.core.fields import AUTHORIZATION
from proxy.core.hosts import Hosts
from proxy.core.keys import FIELD, Keys
from proxy.errors import ClientKeyRequired, ClientNotAllowed, CrossSite, HostNotAllowed, RequestRefused
from proxy.wire.target import good_host

HTTP = b"http"
# What probes and scrapes ask for: it tells little and changes nothing, so that no key is needed.
OPEN = frozenset(("/livez", "/readyz", "/metrics"))
NOT_LISTED = "The admin listener does not answer requests from your address."
LIST = "Ask whoever runs the gateway to add your network to `admin.allow`."
NO_KEY = "Other machines are told no more than /livez, /readyz and /metrics: `admin.key` is not set."
SET_KEY = "Ask on the gateway's own machine, or ask whoever runs the gateway to set `admin.key`."
SEND_KEY = (
    "Give `admin.key` as the password when asked for one, with any user name, or send it as the field `X-Proxy-Key` or "
    "as a Bearer token."
)
TYPE = "If you followed a link, type the address into the browser instead: no page of another site may ask here."


class Guard:
    """`allow` are the networks whose peers are answered; those beyond this machine need one of the `keys` for more."""

    def __init__(self, hosts: Hosts, allow: Iterable[Network] = LOOPBACK, keys: Keys | None = None) -> None:
        self._hosts = hosts
        self._allow = tuple(allow)
        self._keys = keys

    def follow(self, hosts: Hosts, allow: Iterable[Network]) -> None:
        """Go by another configuration from now on."""
        self._hosts, self._allow = hosts, tuple(allow)

    def refusal(self, peer: str | None, path: str, fields: Mapping[bytes, bytes]) -> RequestRefused | None:
        """Return why a request gets no answer, or None. `peer` is None for a Unix socket; names are lower-case."""
        host = fields.get(b"host", b"")
        if not (good_host(host) and self._hosts.answered(host)):
            return HostNotAllowed()
        if peer is not None and not within(peer, self._allow):
            return ClientNotAllowed(NOT_LISTED, action=LIST)
        if path not in OPEN and not (peer is None or within(peer, LOOPBACK)):
            if self._keys is None:
                return ClientNotAllowed(NO_KEY, action=SET_KEY)
            if not keyed(self._keys, fields):
                return ClientKeyRequired(action=SEND_KEY)
        if cross_site(fields, {origin_of(HTTP, host)}, frozenset()):
            return CrossSite(action=TYPE)
        return None


def keyed(keys: Keys, fields: Mapping[bytes, bytes]) -> bool:
    """Return whether a request carries a key: as X-Proxy-Key, as a Bearer token, or as the password of Basic."""
    key, authorization = fields.get(FIELD), fields.get(AUTHORIZATION, b"")
    scheme, _, token = authorization.partition(b" ")
    by_field = key is not None and keys.owner(key.strip(b" \t")) is not None
    by_token = scheme.lower() == b"bearer" and keys.owner(token.strip(b" \t")) is not None
    return by_field or by_token or keys.bearer(authorization) is not None
