"""Kinds that need no login: what the operator gave is the token (`kind = "static"`, `kind = "basic"`)."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from proxy.core.secret import Secret, SecretSource


@dataclass(frozen=True, slots=True)
class Held:
    """A secret that is sent as it is; with a user's name, the two together as Basic sends them (RFC 7617 §2)."""

    secret: SecretSource
    username: SecretSource | None = None

    @property
    def sources(self) -> Mapping[str, SecretSource]:
        """The secrets by name."""
        return {"secret": self.secret} if self.username is None else {"username": self.username, "secret": self.secret}

    def text(self, secrets: Mapping[str, Secret]) -> str:
        """Return the token's text."""
        secret = secrets["secret"].reveal()
        if self.username is None:
            return secret
        return basic(secrets["username"].reveal(), secret)


def basic(username: str, password: str) -> str:
    """Return what stands behind `Basic` in a field (RFC 7617 §2)."""
    # surrogateescape: a secret of the environment may hold bytes that are no UTF-8
    return base64.b64encode(f"{username}:{password}".encode("utf-8", "surrogateescape")).decode()
