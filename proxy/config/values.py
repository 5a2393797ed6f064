"""Values of a login with secrets among them, as a file writes them; each mistake keeps its place in the tree."""

import math
import re
from collections.abc import Callable
from typing import TypeVar

from pydantic import ValidationError, ValidationInfo
from pydantic_core import InitErrorDetails

from proxy.config.lines import Path
from proxy.config.parts import WORD
from proxy.config.schema import secret
from proxy.core.fields import HOP_BY_HOP
from proxy.core.values import Value

SECRET_KEYS = frozenset(("env", "file", "command"))
# What frames the login's request and names its coding is the sender's own.
OURS = frozenset(name.decode() for name in HOP_BY_HOP | {b"content-length", b"accept-encoding", b"expect"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

T = TypeVar("T")
Note = Callable[[Path, str], None]


def tree(value: object, info: ValidationInfo) -> Value:
    """Return whatever JSON has, with secrets in place of their tables. Raises ValidationError with every mistake."""

    def read(note: Note) -> Value:
        return _value(value, (), info, note)

    return _noted(read)


def pairs(value: object, info: ValidationInfo) -> dict[str, Value]:
    """Return the pairs of a form: texts, numbers, truth values, secrets, or lists of them."""
    return _noted(lambda note: _pairs(value, info, note, lists=True))


def text(value: object, info: ValidationInfo) -> Value:
    """Return a text, or where a secret is."""
    return value if isinstance(value, str) else secret(value, info)


def headers(value: object, info: ValidationInfo) -> dict[str, Value]:
    """Return the fields of a request: texts, numbers, truth values or secrets."""

    def read(note: Note) -> dict[str, Value]:
        found = _pairs(value, info, note, lists=False)
        for name, each in found.items():
            if not WORD.fullmatch(name) or name.lower() in OURS:
                note((name,), "cannot be set; expected the name of a field that says something to the login")
            if isinstance(each, str) and _CONTROL.search(each):
                note((name,), "holds control characters, perhaps several lines")
        return found

    return _noted(read)


def _noted(read: Callable[[Note], T]) -> T:
    """Return what is read, or raise all that was noted while reading."""
    flaws: list[InitErrorDetails] = []

    def note(path: Path, words: str) -> None:
        flaws.append({"type": "value_error", "loc": path, "input": None, "ctx": {"error": ValueError(words)}})

    found = read(note)
    if flaws:
        raise ValidationError.from_exception_data("values", flaws)
    return found


def _pairs(value: object, info: ValidationInfo, note: Note, *, lists: bool) -> dict[str, Value]:
    if not isinstance(value, dict):
        note((), "is not a table")
        return {}
    found: dict[str, Value] = {}
    for name, each in value.items():
        many = each if lists and isinstance(each, list) else [each]
        if any(isinstance(one, list) or (isinstance(one, dict) and not _secret(one)) for one in many):
            note((name,), "is not a text, a number, a truth value or a secret")
        else:
            found[name] = _value(each, (name,), info, note)
    return found


def _value(value: object, path: Path, info: ValidationInfo, note: Note) -> Value:
    match value:
        case dict() if _secret(value):
            try:
                return secret(value, info)
            except ValueError as error:
                note(path, str(error))
        case dict():
            return {name: _value(each, (*path, name), info, note) for name, each in value.items()}
        case list():
            return [_value(each, (*path, index), info, note) for index, each in enumerate(value)]
        case bool() | int() | str():
            return value
        case float() if math.isfinite(value):
            return value
        case _:
            note(path, "is nothing that JSON has; expected a text, a number, a truth value, a list or a table")
    return None


def _secret(value: dict[str, object]) -> bool:
    """Return whether a table says where a secret is, rightly or not."""
    return bool(value) and value.keys() <= SECRET_KEYS
