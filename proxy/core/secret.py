"""What the operator gives us and nobody else may see."""

import hmac
from typing import Protocol


class Secret:
    """A secret text; `reveal()` is the only way to read it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text itself, for the one line that sends it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(****)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(octets(self._value), octets(other._value))

    def __hash__(self) -> int:
        return hash(self._value)


def octets(text: str) -> bytes:
    """Return a secret's text as bytes; one of the environment may hold some that are no UTF-8."""
    return text.encode("utf-8", "surrogateescape")


class SecretSource(Protocol):
    """Where a secret comes from: the file itself, the environment, another file, a command."""

    @property
    def poll(self) -> float | None:
        """How often, in seconds, it is worth reading again to see whether it has changed; None: it cannot change."""
        ...

    def read(self) -> Secret:
        """Return the secret as it is now. May block. Raises SecretUnavailable."""
        ...
