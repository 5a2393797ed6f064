"""What hands out tokens, and what issues them."""

from collections.abc import Hashable
from typing import Protocol

from proxy.core.identity import Identity
from proxy.core.secret import Secret
from proxy.core.token import Token


class TokenSource(Protocol):
    """Anything that returns a token for requests; what it hands out is live and not known to be refused."""

    @property
    def listening(self) -> bool:
        """Whether `accepted` is to be told what accepts tokens."""
        ...

    @property
    def hidden(self) -> tuple[Secret, ...]:
        """What answers must not show: the credential's secrets as they are now, the current token and those before.

        Nothing before the secrets could be read; a token is handed out only afterwards.
        """
        ...

    def current(self) -> Token | None:
        """Return the live token at once, None if there is none."""
        ...

    async def token(self) -> Token:
        """Return the live token, waiting for the login in flight if there is none. Raises LoginError."""
        ...

    async def fresh(self) -> Token:
        """Return a token for a request that cannot be replayed: a stale one is refreshed first. Raises LoginError."""
        ...

    async def renew(self, refused: Token, what: Hashable) -> Token | None:
        """Return a newer token than the one refused on `what`; None: pass the refusal on. Raises LoginError."""
        ...

    def invalidate(self, refused: Token, what: Hashable) -> bool:
        """Take note of a refusal without waiting; tell whether it was believed."""
        ...

    def replay_refused(self, token: Token, what: Hashable) -> None:
        """Take note that the replay with the newer token was refused too."""
        ...

    def accepted(self, token: Token, what: Hashable, at: float) -> None:
        """Take note that `what`, sent `at`, accepted this token; needed only while `listening`."""
        ...


class Issuer(Protocol):
    """Anything that trades secrets for a token: a login, or a store in front of one. Each call ends in bounded time."""

    @property
    def poll(self) -> float | None:
        """How often, in seconds, it is worth looking whether the secrets have changed; None: they cannot."""
        ...

    async def identify(self, known: Identity | None = None) -> Identity:
        """Return the identity as it is now; given a `known` one, read again only what can change.

        Raises LoginUnavailable where a secret cannot be read.
        """
        ...

    async def issue(self, identity: Identity, instead_of: Token | None = None) -> Token:
        """Return a token for this identity, never the one that it is to take the place of.

        Raises LoginRejected or LoginUnavailable.
        """
        ...

    async def end(self, token: Token, identity: Identity) -> None:
        """End the session of a token that was issued for this identity and that nobody needs any more, if it can be."""
        ...
