"""Where secrets come from: the file itself, the environment, another file, a command."""

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationInfo

from proxy.core.secret import Secret, SecretSource
from proxy.errors import SecretUnavailable

# A password store may ask an agent; one that asks a person is no use to a gateway. In seconds.
COMMAND_TIME = 10.0
# How often a secret is read again, in seconds. Of a file the content is compared: an orchestrator may swap a link, keep
# the time of change, or write twice within a tick of the file system's clock. A command may ask a service that counts.
FILE_POLL = 5.0
COMMAND_POLL = 60.0

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What variables are called by custom (POSIX, "Environment Variable Definition"), and secrets hardly ever are.
_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
FORMS = 'expected a string, { env = "NAME" }, { file = "PATH" } or { command = ["…"] }'


def checked(text: str, place: str) -> Secret:
    """Return a text as a secret. Raises SecretUnavailable where it cannot be one; the text is never in the message."""
    if not text:
        raise SecretUnavailable(f"{place} is empty")
    if _CONTROL.search(text):
        raise SecretUnavailable(f"{place} holds control characters, perhaps several lines")
    return Secret(text)


@dataclass(frozen=True, slots=True)
class Literal:
    """Written in the configuration."""

    text: str = field(repr=False)
    poll: float | None = None

    def read(self) -> Secret:
        """Return the secret. Raises SecretUnavailable."""
        return checked(self.text, "the secret")


@dataclass(frozen=True, slots=True)
class Variable:
    """In a variable of the environment."""

    name: str
    environ: Mapping[str, str] = field(repr=False)
    poll: float | None = None

    def read(self) -> Secret:
        """Return the secret. Raises SecretUnavailable."""
        if self.name not in self.environ:
            raise SecretUnavailable(f"the environment variable {self.name} is not set")
        return checked(self.environ[self.name], f"the environment variable {self.name}")


@dataclass(frozen=True, slots=True)
class File:
    """In a file of its own, which may change while the gateway runs."""

    path: Path
    poll: float | None = FILE_POLL

    def read(self) -> Secret:
        """Return the secret as the file holds it now. Raises SecretUnavailable."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except OSError as error:
            raise SecretUnavailable(f"{self.path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise SecretUnavailable(f"{self.path} is not UTF-8") from None
        return checked(text.rstrip("\r\n"), str(self.path))

    def exposed(self) -> bool:
        """Return whether others than the owner and the group may read the file."""
        try:
            return bool(self.path.stat().st_mode & stat.S_IROTH) and os.name == "posix"
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class Command:
    """Printed by a command, which is run without a shell."""

    words: tuple[str, ...]
    poll: float | None = COMMAND_POLL

    def read(self) -> Secret:
        """Return what the command prints. Raises SecretUnavailable; what it says of its troubles is not shown."""
        name = self.words[0]
        try:
            done = subprocess.run(self.words, capture_output=True, text=True, timeout=COMMAND_TIME, check=False)  # noqa: S603  the operator's own
        except subprocess.TimeoutExpired:
            raise SecretUnavailable(f"the command {name} took longer than {COMMAND_TIME:g} s") from None
        except (OSError, UnicodeDecodeError) as error:
            raise SecretUnavailable(f"the command {name}: {getattr(error, 'strerror', 'printed no text')}") from None
        if done.returncode != 0:
            raise SecretUnavailable(f"the command {name} ended with status {done.returncode}")
        return checked(done.stdout.rstrip("\r\n"), f"what the command {name} prints")


def source(value: object, folder: Path, environ: Mapping[str, str]) -> SecretSource:
    """Return where a secret comes from. Raises ValueError, without the value, for what says no such place."""
    match value:
        case str():
            return Literal(value)
        case {"env": str(name), **rest} if not rest:
            return Variable(name, environ)
        case {"file": str(path), **rest} if not rest:
            return File(folder / path)
        case {"command": [str(), *_] as words, **rest} if not rest and all(isinstance(word, str) for word in words):
            return Command(tuple(words))
    raise ValueError(f"is not a secret; {FORMS}")


def secret(value: object, info: ValidationInfo) -> SecretSource:
    """Return where a secret comes from, after one look whether it is there."""
    return secret_and_text(value, info)[0]


def secret_and_text(value: object, info: ValidationInfo) -> tuple[SecretSource, str]:
    """Return where a secret comes from, and what it is now. The context has folder and environment."""
    context: Any = info.context
    return looked_up(value, context["folder"], context["environ"])


def looked_up(value: object, folder: Path, environ: Mapping[str, str]) -> tuple[SecretSource, str]:
    """Return where a secret comes from, and what it is now. Raises ValueError."""
    found = source(value, folder, environ)
    try:
        return found, found.read().reveal()
    except SecretUnavailable as error:
        raise ValueError(misplaced(found, folder) or str(error)) from None


def misplaced(found: SecretSource, folder: Path) -> str | None:
    """Return what to say of a place that is none, for what was written there may be the secret itself; else None."""
    match found:
        case Variable(name) if not _NAME.fullmatch(name):
            return "names no variable of the environment"
        case File(path) if not os.path.exists(path):  # noqa: PTH110  pathlib raises for a name that is too long
            return no_file(folder)
        case Command((program, *_)) if shutil.which(program) is None:
            return "names a command that is not there"
    return None


def no_file(folder: Path) -> str:
    """Return what to say of a path where there is no file, without the path."""
    return f"names a file that is not there; a relative path begins at {folder}"
