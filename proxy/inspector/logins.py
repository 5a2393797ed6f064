"""What became of logins and tokens, and which exchange caused a login."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from proxy.core.token_events import LoginFailed, LoginSucceeded, Reason, TokenEvent

# How many are remembered.
MOST = 200
# Logins for these reasons are caused by the request that waits for them first.
CAUSED = frozenset((Reason.EXPIRY, Reason.REFUSAL))


class Waiting(Protocol):
    """What waits for a token; `login` says why it has caused one, None where it has not."""

    login: str | None


@dataclass(frozen=True, slots=True)
class Login:
    """What became of a login, or of a token: `what` says it. `at` is on the wall clock; times are in seconds."""

    at: float
    credential: str
    what: str
    reason: str = ""
    cause: str = ""
    took: float | None = None
    lifetime: float | None = None


class Logins:
    """The last ones; `news` is called with each."""

    def __init__(self, news: Callable[[], object]) -> None:
        self.last: deque[Login] = deque(maxlen=MOST)
        self._news = news
        self._waiting: dict[str, dict[Waiting, None]] = {}

    def waits(self, credential: str, exchange: Waiting) -> None:
        """An exchange waits for a token."""
        self._waiting.setdefault(credential, {})[exchange] = None

    def waited(self, credential: str, exchange: Waiting) -> None:
        """It does so no more."""
        self._waiting[credential].pop(exchange, None)

    def token(self, event: TokenEvent) -> None:
        """Remember what became of a login, and put it down to the exchange that waits for it first."""
        login = told(event, time.time())
        if login is None:
            return
        self.last.append(login)
        if isinstance(event, LoginSucceeded | LoginFailed) and event.reason in CAUSED:
            for first in self._waiting.get(event.credential, ()):
                first.login = str(event.reason)
                break
        self._news()


def told(event: TokenEvent, at: float) -> Login | None:
    """Return what there is to remember of an event, None where it is about no credential."""
    match event:
        case LoginSucceeded():
            return Login(at, event.credential, "succeeded", str(event.reason), "", event.duration, event.lifetime)
        case LoginFailed():
            return Login(at, event.credential, str(event.outcome), str(event.reason), event.cause, event.duration)
    credential = getattr(event, "credential", None)
    return None if credential is None else Login(at, credential, type(event).__name__)
