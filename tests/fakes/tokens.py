"""A token source whose tokens a test hands out by name."""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, field

from proxy.core.secret import Secret
from proxy.core.token import Token

FAR = 1e12


def token(text: str) -> Token:
    """Return a token that lives for ever."""
    return Token(text, expires_at=FAR, stale_at=FAR)


@dataclass
class FakeSource:
    """Hands out `token-1`, and a newer one after each invalidation; counts what it is told."""

    number: int = 1
    listening: bool = False
    believes: bool = True
    error: Exception | None = None
    gate: asyncio.Event | None = None
    stale: bool = False
    logins: int = 1
    refused: list[Hashable] = field(default_factory=list)
    replays_refused: list[Hashable] = field(default_factory=list)
    accepts: list[Hashable] = field(default_factory=list)
    secrets: tuple[str, ...] = ()
    _current: Token | None = None

    @property
    def hidden(self) -> tuple[Secret, ...]:
        """The secrets, and all tokens so far."""
        return tuple(map(Secret, (*self.secrets, *(f"token-{number}" for number in range(1, self.number + 1)))))

    def current(self) -> Token | None:
        """Return the token at once, unless a gate is closed or there is an error."""
        if self.gate is not None or self.error is not None:
            return None
        if self._current is None:
            self._current = token(f"token-{self.number}")
        return self._current

    async def token(self) -> Token:
        """Return the token once the gate is open."""
        if self.error is not None:
            raise self.error
        if self.gate is not None:
            await self.gate.wait()
            self.gate = None
        current = self.current()
        assert current is not None
        return current

    async def fresh(self) -> Token:
        """Return a token for a body that cannot be replayed."""
        if self.stale:
            self.stale = False
            self._renew()
        return await self.token()

    def invalidate(self, refused: Token, what: Hashable) -> bool:
        """Note a refusal; a newer token takes the place of the current one."""
        self.refused.append(what)
        if not self.believes:
            return False
        if refused is self._current:
            self._renew()
        return True

    async def renew(self, refused: Token, what: Hashable) -> Token | None:
        """Return a newer token."""
        return await self.token() if self.invalidate(refused, what) else None

    def replay_refused(self, token: Token, what: Hashable) -> None:
        """Note that the replay was refused too."""
        del token
        self.replays_refused.append(what)

    def accepted(self, token: Token, what: Hashable, at: float) -> None:
        """Note an acceptance."""
        del token, at
        self.accepts.append(what)

    def _renew(self) -> None:
        self.number += 1
        self.logins += 1
        self._current = None
