"""Tokens, and how long they live."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Session:
    """A token's life: `ends` on the platform's clock, `lifetime` in seconds."""

    token: str
    ends: float
    lifetime: float


class Sessions:
    """All live tokens. `sliding` lifetimes begin anew with each use."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._open: dict[str, Session] = {}

    def __len__(self) -> int:
        now = self._clock()
        return sum(session.ends > now for session in self._open.values())

    def begin(self, lifetime: float) -> Session:
        """Return a new session with an opaque token, as the platform makes them: hexadecimal."""
        session = Session(secrets.token_hex(16), self._clock() + lifetime, lifetime)
        self._open[session.token] = session
        return session

    def use(self, token: str, *, sliding: bool) -> bool:
        """Return whether the token is live; a sliding one lives anew."""
        session, now = self._open.get(token), self._clock()
        if session is None or session.ends <= now:
            self._open.pop(token, None)
            return False
        if sliding:
            session.ends = now + session.lifetime
        return True

    def end(self, token: str) -> bool:
        """End a session; return whether there was one."""
        return self._open.pop(token, None) is not None

    def revoke_all(self) -> int:
        """End every session; return how many there were."""
        count = len(self._open)
        self._open.clear()
        return count
