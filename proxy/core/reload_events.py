"""What becomes of reloads, told to the observers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReloadBegun:
    """The configuration is being read."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """Another configuration is in force, or the same one again.

    `changed` is in words; `restart` are the keys among it that have no effect before one; `without_token` are the
    credentials that have no live token now; `warnings` are those that the configuration before did not have.
    """

    changed: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    without_token: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReloadRefused:
    """The configuration before stays in force, because of these mistakes; `again`: they have been told before."""

    mistakes: tuple[str, ...]
    again: bool = False


@dataclass(frozen=True, slots=True)
class FileGone:
    """The file of the configuration cannot be read; the configuration before stays in force."""

    cause: str


ReloadEvent = ReloadBegun | Reloaded | ReloadRefused | FileGone
