"""The whole configuration as values: what `load()` returns and the composition root reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from proxy.config.certificates import Certificates
from proxy.core.access import LOOPBACK, Access, Network
from proxy.core.address import Address, TcpAddress, UnixAddress
from proxy.core.credential import Credential
from proxy.core.limits import Limits
from proxy.core.route import Route
from proxy.core.secret import SecretSource
from proxy.core.store import StorePlace
from proxy.core.timeouts import Timeouts

LogFormat = Literal["auto", "console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Server:
    """`[server]`; `drain_timeout` in seconds. With `tls` it is spoken on every address that is no Unix socket.

    `workers` is how many processes serve.
    """

    listen: tuple[Address, ...] = (TcpAddress("127.0.0.1", 8080),)
    drain_timeout: float = 30.0
    tls: Certificates | None = None
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Admin:
    """`[admin]`; without `listen` there is no listener. `allow` are the networks whose peers are answered.

    With `quit` whoever may ask it may end the gateway.
    """

    listen: Address | None = TcpAddress("127.0.0.1", 9901)
    allow: tuple[Network, ...] = LOOPBACK
    key: SecretSource | None = None
    quit: bool = False
    inspector: bool = False


@dataclass(frozen=True, slots=True)
class Tokens:
    """`[tokens]`; no `store` is memory alone. `listen` is where other proxies are handed tokens, None: nowhere."""

    store: StorePlace | None = None
    listen: UnixAddress | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """`[log]`; `sample` is the share of successful requests that have a line."""

    format: LogFormat = "auto"
    level: LogLevel = "info"
    access: bool = True
    sample: float = 1.0


@dataclass(frozen=True, slots=True)
class Config:
    """Everything the gateway was told. `warnings` are lines for the log at start; `source` names the file, if any."""

    routes: tuple[Route, ...]
    credentials: Mapping[str, Credential] = field(default_factory=dict)
    server: Server = Server()
    admin: Admin = Admin()
    access: Access = Access()
    limits: Limits = Limits()
    timeouts: Timeouts = Timeouts()
    tokens: Tokens = Tokens()
    log: Log = Log()
    warnings: tuple[str, ...] = ()
    source: str | None = None
