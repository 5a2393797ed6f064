"""The whole configuration as values: what `load()` returns and the composition root reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from proxy.config.certificates import Certificates
from proxy.core.access import Access
from proxy.core.address import Address, TcpAddress
from proxy.core.credential import Credential
from proxy.core.limits import Limits
from proxy.core.route import Route
from proxy.core.store import StorePlace
from proxy.core.timeouts import Timeouts

LogFormat = Literal["auto", "console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Server:
    """`[server]`; `drain_timeout` in seconds. With `tls` it is spoken on every address that is no Unix socket."""

    listen: tuple[Address, ...] = (TcpAddress("127.0.0.1", 8080),)
    drain_timeout: float = 30.0
    tls: Certificates | None = None


@dataclass(frozen=True, slots=True)
class Admin:
    """`[admin]`; None turns the listener off."""

    listen: Address | None = TcpAddress("127.0.0.1", 9901)
    inspector: bool = False


@dataclass(frozen=True, slots=True)
class Tokens:
    """`[tokens]`; no `store` is memory alone."""

    store: StorePlace | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """`[log]`."""

    format: LogFormat = "auto"
    level: LogLevel = "info"
    access: bool = True


@dataclass(frozen=True, slots=True)
class Config:
    """Everything the gateway was told. `warnings` are lines for the log at start; `source` names the file, if any."""

    routes: tuple[Route, ...]
    credentials: Mapping[str, Credential] = field(default_factory=lambda: MappingProxyType({}))
    server: Server = Server()
    admin: Admin = Admin()
    access: Access = Access()
    limits: Limits = Limits()
    timeouts: Timeouts = Timeouts()
    tokens: Tokens = Tokens()
    log: Log = Log()
    warnings: tuple[str, ...] = ()
    source: str | None = None
