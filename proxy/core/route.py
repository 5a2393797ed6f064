"""One `[[routes]]` entry: what it matches, where it leads, what it lets through."""

from dataclasses import dataclass
from typing import Literal

from proxy.core.address import Upstream
from proxy.core.credential import Verification
from proxy.core.egress import EgressProxy
from proxy.core.injection import Injection
from proxy.core.timeouts import Timeouts

ClientAuthorization = Literal["replace", "keep", "reject"]

# The platform's login and session endpoints (interface.md, `deny`): they hand out tokens.
LOGIN_PATHS = (
    b"/iam/login",
    b"/iam/v4/login",
    b"/iam/logout",
    b"/iam/v4/logout",
    b"/iam/v4/checkSession",
    b"/cam/login",
    b"/cam/v4/login",
    b"/cam/v4/checkSession",
)


@dataclass(frozen=True, slots=True)
class Route:
    """A way from a path prefix, and perhaps a host, to an upstream.

    `path` is `/` or has no slash at its end. `credential` is the name of one, or None: forward as it is. `methods`
    are upper-case and hold HEAD wherever they hold GET; None allows all. `deny` and `allow` are path prefixes;
    an empty `allow` allows all. `injection` says where the credential goes, `client_authorization` what becomes of
    the caller's own at that place. With `scrub` answers do not show the credential's secrets and tokens. `egress` is
    the proxy on the way to the upstream, None for a direct one.
    """

    path: bytes
    upstream: Upstream
    credential: str | None = None
    host: bytes | None = None
    strip_prefix: bool = False
    methods: frozenset[bytes] | None = None
    deny: tuple[bytes, ...] = ()
    allow: tuple[bytes, ...] = ()
    preserve_host: bool = False
    via: bool = True
    injection: Injection = Injection()
    client_authorization: ClientAuthorization = "replace"
    replay: bool = True
    verification: Verification = Verification()
    timeouts: Timeouts = Timeouts()
    scrub: bool = False
    egress: EgressProxy | None = None

    @property
    def label(self) -> str:
        """The configured path, behind its host if it has one: the route's name in logs and metrics."""
        return ((self.host or b"") + self.path).decode("latin-1")
