"""Every key of the configuration: type, default, meaning. `config.example.toml` is printed from this."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from proxy.config import callers, parts, proxies
from proxy.config.secrets import secret
from proxy.config.units import duration, size
from proxy.core.access import Network
from proxy.core.address import Address, UnixAddress, Upstream
from proxy.core.egress import Egress
from proxy.core.injection import Injection
from proxy.core.store import StorePlace


def positive(value: object) -> int:
    """Return a count of at least one."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("is not a count; expected a whole number from 1")
    return value


def share(value: object) -> float:
    """Return a part of a whole."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ValueError("is not a share; expected a number from 0 to 1")
    return float(value)


Duration = Annotated[float, BeforeValidator(duration)]
Size = Annotated[int, BeforeValidator(size)]
Count = Annotated[int, BeforeValidator(positive)]
SecretField = Annotated[Any, BeforeValidator(secret)]
ClientKey = Annotated[Any, BeforeValidator(callers.key)]
Path = Annotated[bytes, BeforeValidator(parts.path)]


def optional(check: Callable[[object], object]) -> Any:  # noqa: ANN401  what pydantic takes
    """Return a validator that lets a value be left out."""
    return BeforeValidator(lambda value: None if value is None else check(value))


def choice(*choices: str) -> Any:  # noqa: ANN401  what pydantic takes
    """Return a validator for one of these words."""
    return BeforeValidator(lambda value: parts.one_of(value, choices))


def item(text: str, default: object = ...) -> Any:  # noqa: ANN401  a default is written as in the file, not as its value
    """Return a key's description and its default; without one the key has to be given."""
    return Field(default, description=text)


Proxied = Annotated[Egress | None, optional(proxies.given)]
Inject = Annotated[Injection | None, optional(parts.injection)]


class Section(BaseModel):
    """A table: unknown keys are mistakes, nothing is converted on the quiet, values stay out of messages."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        validate_default=True,
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
        defer_build=True,  # kinds of credential that a configuration has none of cost no start time
    )


def keys(table: type[Section]) -> list[str]:
    """Return the keys of a table as they are written."""
    return [about.alias or name for name, about in table.model_fields.items()]


def table_at(table: type[Section], path: Sequence[str | int]) -> type[Section]:
    """Return the table at a path inside another, that of an array's elements for their index."""
    for key in path:
        if isinstance(key, str):
            table = _table(table.model_fields[key].annotation) or table
    return table


def _table(annotation: object) -> type[Section] | None:
    """Return the table in an annotation such as `list[Rule] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(_table, get_args(annotation))), None)


class Tls(Section):
    """`tls`: the gateway's own certificate, and whose clients are let in by theirs."""

    cert: str
    key: str
    client_ca: str | None = None


class Server(Section):
    """Where clients connect."""

    listen: Annotated[tuple[Address, ...], BeforeValidator(parts.addresses)] = item(
        'an address or a list: "H:P", "[::1]:P", "unix:/run/iam-proxy.sock" (mode 0600); port 0: any free one',
        default="127.0.0.1:8080",
    )
    workers: Annotated[int, BeforeValidator(parts.workers)] = item(
        'processes that serve, or "auto": one for each core; one login for all of them', default=1
    )
    drain_timeout: Duration = item("what runs may take that long to finish when the gateway ends", default="30s")
    tls: Tls | None = item(
        '{ cert = "…", key = "…", client_ca = "…" }: TLS towards clients, by files in PEM that are read anew when they '
        "change; with client_ca each client needs a certificate of these authorities; Unix sockets stay plain",
        default=None,
    )


class Admin(Section):
    """Health, status and metrics."""

    listen: Annotated[Address | None, BeforeValidator(parts.maybe_address)] = item(
        '"" turns it off', default="127.0.0.1:9901"
    )
    allow: Annotated[tuple[Network, ...], BeforeValidator(callers.allowed)] = item(
        "as access.allow, for this listener: /livez, /readyz and /metrics need no more", default=["loopback"]
    )
    key: Annotated[Any, BeforeValidator(callers.optional_key)] = item(
        "a secret, needed beyond this machine for everything else: as X-Proxy-Key, Bearer or the password of Basic",
        default=None,
    )
    inspector: bool = item(
        "a page at GET / that shows what passes, without secrets; beyond loopback it needs admin.key", default=False
    )
    quit: bool = item("POST /quit ends the gateway as SIGTERM does", default=False)


class Access(Section):
    """Who may use the gateway."""

    allow: Annotated[tuple[Network, ...], BeforeValidator(callers.allowed)] = item(
        '"loopback" | "private" | "any" | networks; peers of a Unix socket always are', default=["loopback"]
    )
    allowed_hosts: Annotated[frozenset[bytes], BeforeValidator(callers.hosts)] = item(
        "Host names answered besides IP literals, localhost, *.localhost, single labels and the routes' own; 421 for "
        "any other",
        default=[],
    )
    cors_origins: Annotated[frozenset[bytes], BeforeValidator(callers.origins)] = item(
        "origins whose pages may send requests, exactly; requests of other sites' pages are refused", default=[]
    )
    client_keys: dict[str, ClientKey] = item(
        "secrets by name: a caller sends one as X-Proxy-Key or as the password of Basic, its name is logged", default={}
    )
    client_key: Annotated[Any, BeforeValidator(callers.optional_key)] = item(
        'short for one key; its name is "default"', default=None
    )
    trusted_proxies: Annotated[tuple[Network, ...], BeforeValidator(callers.trusted)] = item(
        "networks of proxies that are believed what X-Forwarded-For, -Proto and -Host say", default=[]
    )


class Limits(Section):
    """How much is taken."""

    max_header_size: Size = item("431 above it", default="32KiB")
    max_body_size: Size = item("of requests; 0: none; 413 above it", default="0")
    replay_buffer: Size = item("request bodies up to this size are sent again after a refusal", default="1MiB")
    replay_spool: Size = item("above it and up to this size, from a temporary file in TMPDIR", default="64MiB")
    max_connections: Count = item(
        "client connections; further ones wait to be accepted; idle ones of the peer with the most are closed for them",
        default=10000,
    )
    max_in_flight: Count = item(
        "503 with Retry-After above it; half of it for one peer while others are refused", default=1000
    )
    max_origin_connections: Count = item("per origin; further requests wait for timeouts.connect", default=512)


class Timeouts(Section):
    """How long the gateway waits."""

    connect: Duration = item("to connect to an origin, TLS included", default="5s")
    response: Duration = item("to the first byte of an answer; 504", default="5m")
    idle: Duration = item("between bytes, either way", default="5m")
    client_header: Duration = item("a client has to finish its header section within it", default="30s")
    keep_alive: Duration = item("idle client connections", default="75s")


class RouteTimeouts(Section):
    """`timeouts` of a route: what is not given is as in `[timeouts]`."""

    connect: Annotated[float | None, optional(duration)] = None
    response: Annotated[float | None, optional(duration)] = None
    idle: Annotated[float | None, optional(duration)] = None


class Route(Section):
    """A path prefix, and where it leads; the longest matching prefix of whole segments wins."""

    path: Path = item("prefix of whole segments", default="/")
    host: str | None = item("match on the Host as well", default=None)
    upstream: Annotated[Upstream, BeforeValidator(parts.upstream)] = item(
        "the origin's base URL; may carry a base path"
    )
    credential: str | None = item(
        'the name of one, or "none": forward as it is; default: the only one there is', default=None
    )
    strip_prefix: bool = item("leave the route's path out when forwarding", default=False)
    methods: Annotated[frozenset[bytes] | None, optional(parts.methods)] = item(
        "an allow-list (GET implies HEAD); 405 otherwise", default=None
    )
    deny: list[Path] | None = item(
        'path prefixes answered 403; default for credentials of kind "apikey": the platform\'s login and session '
        "endpoints",
        default=None,
    )
    allow: list[Path] = item("when given, only these path prefixes", default=[])
    preserve_host: bool = item("send the client's Host instead of the origin's", default=False)
    via: bool = item("RFC 9110 asks for Via; some origins do not compress for requests that carry it", default=True)
    client_authorization: Annotated[str, choice("replace", "keep", "reject")] = item(
        'the caller\'s own credential: "replace" | "keep" (it wins) | "reject"', default="replace"
    )
    replay: bool = item("false: a refusal goes to the caller as it came", default=True)
    inject: Inject = item("overrides the credential's", default=None)
    ca_file: str | None = item("verify the origin with these authorities as well", default=None)
    verify: bool = item("the only off switch of verification; warns at every start", default=True)
    insecure: bool = item("allow a credential to a plain-http origin that is not loopback", default=False)
    scrub: bool = item(
        'true: every byte of token and secrets becomes "*" in answers; asks for no coding, no range, no upgrade',
        default=False,
    )
    egress_proxy: Proxied = item(
        '"http://proxy.corp:3128", perhaps with USER:PASSWORD@ before the host: the way out, by CONNECT; "": none; '
        "default: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY of the environment; never for loopback",
        default=None,
    )
    timeouts: RouteTimeouts = item("any of connect, response, idle, for this route", default={})


class Tokens(Section):
    """Where tokens are kept."""

    store: Annotated[StorePlace | None, BeforeValidator(parts.store)] = item(
        '"memory" | "file:PATH" | "redis://…" | "rediss://…": shared by processes and replicas, one login for all',
        default="memory",
    )
    listen: Annotated[UnixAddress | None, BeforeValidator(parts.unix_address)] = item(
        '"unix:/path" (mode 0600): hands the tokens to an nginx or an Envoy that takes over the data path '
        '(docs/scaling.md); "" turns it off',
        default="",
    )


class Log(Section):
    """What is written about all this."""

    format: Annotated[str, choice("auto", "console", "json")] = item(
        '"console" on a terminal, "json" otherwise', default="auto"
    )
    level: Annotated[str, choice("debug", "info", "warning", "error")] = item("the least to write", default="info")
    access: bool = item("a line for each request; refusals and errors always have one", default=True)
    sample: Annotated[float, BeforeValidator(share)] = item(
        "share of successful requests that have a line", default=1.0
    )


SECTIONS: dict[str, type[Section]] = {
    "server": Server,
    "admin": Admin,
    "access": Access,
    "limits": Limits,
    "timeouts": Timeouts,
    "tokens": Tokens,
    "log": Log,
}
