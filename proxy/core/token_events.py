"""What becomes of logins and tokens, told to the observers: facts, never a secret or a token."""

import enum
from dataclasses import dataclass


class Reason(enum.StrEnum):
    """Why a login was made."""

    START = "start"
    AHEAD = "ahead"
    EXPIRY = "expiry"
    REFUSAL = "refusal"
    ROTATION = "rotation"
    ASKED = "asked"


class Outcome(enum.StrEnum):
    """What became of a login."""

    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class LoginSucceeded:
    """A login gave a token; `duration` and the `lifetime` left to the token are in seconds."""

    credential: str
    duration: float
    lifetime: float
    reason: Reason


@dataclass(frozen=True, slots=True)
class LoginFailed:
    """A login gave none; the next attempt is `retry_in` seconds away. `cause` is for the log.

    `left` says for how many seconds the token at hand still serves, 0 where there is none.
    """

    credential: str
    duration: float
    outcome: Outcome
    cause: str
    retry_in: float
    reason: Reason
    left: float = 0.0


@dataclass(frozen=True, slots=True)
class TokenRefused:
    """The origin refused the current token, was believed, and the token is invalidated."""

    credential: str


@dataclass(frozen=True, slots=True)
class RefusalsDoubted:
    """A replay with a newer token was refused too: refusals cause no login for `retry_in` seconds."""

    credential: str
    retry_in: float


@dataclass(frozen=True, slots=True)
class ClockJumped:
    """The wall clock has moved by so many `seconds` against the monotonic one: all tokens count as stale."""

    seconds: float


@dataclass(frozen=True, slots=True)
class TokenFound:
    """A token came from the shared store, without a login; it lives for `lifetime` more seconds."""

    credential: str
    lifetime: float


@dataclass(frozen=True, slots=True)
class StoreFailed:
    """The shared store is of no use from now on, or for another reason than before: logins are made without it."""

    credential: str
    cause: str


@dataclass(frozen=True, slots=True)
class StoreRestored:
    """The shared store is of use again."""

    credential: str


TokenEvent = (
    LoginSucceeded
    | LoginFailed
    | TokenRefused
    | RefusalsDoubted
    | ClockJumped
    | TokenFound
    | StoreFailed
    | StoreRestored
)
