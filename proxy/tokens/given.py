"""Tokens that need no login: what the operator gave, read anew whenever one is asked for."""

import math

from proxy.core.held import Held
from proxy.core.identity import Identity, identity
from proxy.core.token import Token, sendable
from proxy.errors import LoginUnavailable
from proxy.tokens.clock import Clock
from proxy.tokens.secrets import poll, read_secrets

# A secret ends when its file changes or an origin refuses it, not by itself.
ENDLESS = math.inf
# A file or a command has this long to give a secret, in seconds.
WITHIN = 10.0


class Given:
    """Issues what is held, as a token without an end; `clock` counts the time that reading may take."""

    def __init__(self, held: Held, *, clock: Clock) -> None:
        self._held = held
        self._clock = clock

    @property
    def poll(self) -> float | None:
        """How often it is worth looking whether the secrets have changed, in seconds; None: they cannot."""
        return poll(self._held.sources)

    async def identify(self, known: Identity | None = None) -> Identity:
        """Return the secrets as they are now; given a `known` identity, read only what can change.

        Raises LoginUnavailable where a secret cannot be read.
        """
        secrets = await read_secrets(self._held.sources, known, self._clock, WITHIN)
        return identity((self._held.text(secrets),), secrets)

    async def issue(self, identity: Identity, instead_of: Token | None = None) -> Token:
        """Return the secret as a token. Raises LoginUnavailable where no field can carry it."""
        del instead_of
        text = self._held.text(identity.secrets)
        if not sendable(text):
            raise LoginUnavailable(cause="the secret has characters that a field cannot carry")
        return Token(text, ENDLESS, ENDLESS, self._clock.time())

    async def end(self, token: Token, identity: Identity) -> None:
        """Do nothing: what the operator gave is not ours to end."""
