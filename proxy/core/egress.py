"""Which forward proxy, if any, is asked for the way to a server."""

import base64
import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from proxy.core.access import Network
from proxy.core.address import TcpAddress, loopback
from proxy.core.secret import Secret

EVERYTHING = ""  # what every name ends in
PORTS = {"http": 80, "https": 443}
_AT_PORT = re.compile(r"(\[[^\]]*\]|[^:\[\]]+):(\d{1,5})")


@dataclass(frozen=True, slots=True)
class EgressProxy:
    """A forward proxy that is asked by CONNECT; `login` is `user:password`, if it wants one."""

    host: str
    port: int
    login: Secret | None = None

    @property
    def authorization(self) -> str | None:
        """The value of Proxy-Authorization (RFC 7617), None where nothing is to be said."""
        if self.login is None:
            return None
        return f"Basic {base64.b64encode(self.login.reveal().encode()).decode()}"

    def __str__(self) -> str:
        return f"http://{TcpAddress(self.host, self.port)}"


@dataclass(frozen=True, slots=True)
class Exempt:
    """An entry of NO_PROXY: a name and all below it, or a network; at one port, or at any."""

    what: str | Network
    port: int | None = None

    def covers(self, host: str, port: int) -> bool:
        """Return whether a lower-case name, or an IP literal without brackets, is meant."""
        if self.port not in {None, port}:
            return False
        if self.what == EVERYTHING:
            return True
        address = _address(host)
        if isinstance(self.what, str):
            return address is None and (host == self.what or host.endswith(f".{self.what}"))
        return address is not None and address in self.what


def exempted(text: str) -> tuple[Exempt, ...]:
    """Return the entries of NO_PROXY: names, addresses, networks, `*`, each perhaps with a port, as curl reads them.

    Between them stand commas or spaces; dots around a name count for nothing; what makes no sense never matches.
    """
    return tuple(_exempt(entry.lower()) for entry in re.split(r"[,\s]+", text) if entry.strip("."))


def _exempt(entry: str) -> Exempt:
    match = _AT_PORT.fullmatch(entry)
    what, port = (match[1], int(match[2])) if match else (entry, None)
    if what == "*":
        return Exempt(EVERYTHING, port)
    try:
        return Exempt(ipaddress.ip_network(what.replace("[", "").replace("]", ""), strict=False), port)
    except ValueError:
        return Exempt(what.strip("."), port)


@dataclass(frozen=True, slots=True)
class Egress:
    """The proxies by the scheme of what is asked for, and what is asked for without; nothing at all is "directly"."""

    http: EgressProxy | None = None
    https: EgressProxy | None = None
    exempt: tuple[Exempt, ...] = ()

    def proxy(self, scheme: str, host: str, port: int) -> EgressProxy | None:
        """Return the proxy for a server, None for a direct connection."""
        return None if self.direct(host, port) else self.https if scheme == "https" else self.http

    def proxy_for(self, url: str) -> EgressProxy | None:
        """Return the proxy for a URL, None for a direct connection."""
        split = urlsplit(url)
        return self.proxy(split.scheme, split.hostname or "", split.port or PORTS.get(split.scheme, 0))

    def direct(self, host: str, port: int) -> bool:
        """Return whether no proxy is asked for a server, whatever proxies there are: it is here, or exempt."""
        name = host.lower().rstrip(".")
        # RFC 6761 §6.3: a name below .localhost is no business of another machine's
        if loopback(name) or name.endswith(".localhost"):
            return True
        return any(entry.covers(name, port) for entry in self.exempt)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
