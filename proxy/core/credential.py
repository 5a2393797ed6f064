"""A named set of secrets, how to trade them for a token, and what means that the token is dead."""

from dataclasses import dataclass, field

from proxy.core.secret import SecretSource


@dataclass(frozen=True, slots=True)
class Reject:
    """What means "this token is dead": a status and, when given, any of these texts in the decoded body."""

    status: int
    body: tuple[bytes, ...] = ()


# interface.md, "Which tokens are dead": a bare 403 means "no rights" on the platform.
DEFAULT_REJECT = (Reject(401), Reject(403, (b"Invalid token",)))


@dataclass(frozen=True, slots=True)
class Verification:
    """How an https server is verified: with `ca_file` beside the system's authorities, or not at all."""

    ca_file: str | None = None
    verify: bool = True


@dataclass(frozen=True, slots=True)
class Credential:
    """`[credentials.NAME]` of kind `apikey`; times in seconds."""

    name: str
    login_url: str
    apikey: SecretSource
    secretkey: SecretSource
    app_id: str | None = None
    ttl: float = 3600.0
    login_timeout: float = 10.0
    verification: Verification = Verification()
    reject: tuple[Reject, ...] = field(default=DEFAULT_REJECT)
