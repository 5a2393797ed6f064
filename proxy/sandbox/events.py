"""What the platform tells whoever watches it; of a token only its last characters."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Keys were traded for a token."""

    token: str
    lifetime: float


@dataclass(frozen=True, slots=True)
class Refused:
    """A request came without a live token, or a login with wrong keys."""

    method: str
    path: str
    status: int


@dataclass(frozen=True, slots=True)
class Served:
    """A request was answered."""

    method: str
    path: str
    status: int
    token: str


Event = LoggedIn | Refused | Served


def fingerprint(token: str) -> str:
    """Return what may be shown of a token."""
    return f"…{token[-4:]}"
