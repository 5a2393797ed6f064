"""Who logs in: the secrets of a credential as they were at one moment, and a name for them that tells nothing."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.core.needles import hidden
from proxy.core.secret import Secret


@dataclass(frozen=True, slots=True)
class Identity:
    """The secrets by name, and the key under which a token got with them may be kept.

    The key stays in memory: whoever has it can try out guesses of a weak secret.
    """

    key: str = field(repr=False)
    secrets: Mapping[str, Secret]

    @property
    def hidden(self) -> tuple[Secret, ...]:
        """Those of the secrets that nobody may see: the names among them are not."""
        return tuple(secret for place, secret in self.secrets.items() if hidden(place))


def identity(facts: tuple[object, ...], secrets: Mapping[str, Secret]) -> Identity:
    """Return the identity of these secrets; `facts` are all that decides which token they get.

    The key is a SHA-256 over the facts, so that no identity is ever served another's token, and the same one has the
    same key in each process and on each machine.
    """
    # surrogatepass: a secret of the environment may hold bytes that are no UTF-8
    return Identity(hashlib.sha256(repr(facts).encode("utf-8", "surrogatepass")).hexdigest(), secrets)
