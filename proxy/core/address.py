"""Where to listen and where to send."""

import ipaddress
from dataclasses import dataclass
from typing import NamedTuple


class TcpAddress(NamedTuple):
    """Host (a name or an IP literal without brackets) and port; port 0 means any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class UnixAddress(NamedTuple):
    """A Unix socket's path."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


Address = TcpAddress | UnixAddress


def url(address: Address, scheme: str = "http") -> str:
    """Return what to type for an address: `0.0.0.0` is reached by way of loopback."""
    if not isinstance(address, TcpAddress):
        return f"--unix-socket {address.path} http://localhost"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104  it is read, not bound
    return f"{scheme}://{TcpAddress(host, address.port)}"


@dataclass(frozen=True, slots=True)
class Upstream:
    """The base URL of an origin: `base_path` has no slash at its end and is empty for the root."""

    scheme: str
    host: str
    port: int
    base_path: bytes = b""

    @property
    def literal(self) -> bytes:
        """The host as it stands in a URL, in lower case."""
        return (f"[{self.host}]" if ":" in self.host else self.host).lower().encode()

    @property
    def authority(self) -> bytes:
        """The value of the Host field (RFC 9110 §7.2): the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return (host if self.port == default else f"{host}:{self.port}").encode()

    @property
    def origin(self) -> str:
        """The URL without its path (RFC 9110 §4.3.1)."""
        return f"{self.scheme}://{self.authority.decode()}"

    def __str__(self) -> str:
        return f"{self.origin}{self.base_path.decode('latin-1')}"


def loopback(host: str) -> bool:
    """Return whether a host, a lower-case name or an IP literal without brackets, is this machine.

    What ends in `.localhost` need not be: most systems ask the network.
    """
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
