"""Where the answer to a login holds token and expiry, as a file writes it. All raise ValueError."""

import re

from proxy.config.parts import WORD, one_of
from proxy.core.answers import Expiry, InCookie, InField, InJson, Lookup, OfJwt, Told
from proxy.core.expiry import As

_PATH = re.compile(r"(?:[^.\[\]]+|\[\d{1,9}\])(?:\.[^.\[\]]+|\[\d{1,9}\])*")


def token(value: object) -> Lookup:
    """Return where the token is."""
    found = _place(value)
    if found is None:
        raise ValueError('is no place in an answer; expected { json = "a.b" }, { header = "X" } or { cookie = "N" }')
    return found


def expiry(value: object) -> Expiry:
    """Return where the expiry is, and how it is written."""
    match value:
        case {"jwt": True, **rest} if not rest:
            return OfJwt()
        case {"as": written, **rest}:
            where = _place(rest)
            if where is not None and not isinstance(where, InCookie):
                return Told(where, As(one_of(written, [str(each) for each in As])))
    raise ValueError('is no expiry; expected { json = "a.b", as = "…" }, { header = "X", as = "…" } or { jwt = true }')


def _place(value: object) -> Lookup | None:
    match value:
        case {"json": str(path), **rest} if not rest:
            return InJson(_steps(path))
        case {"header": str(name), **rest} if not rest and WORD.fullmatch(name):
            return InField(name)
        case {"cookie": str(name), **rest} if not rest and WORD.fullmatch(name):
            return InCookie(name)
    return None


def _steps(path: str) -> tuple[str, ...]:
    """Return the steps of a path such as `data.items[0].token`."""
    if not _PATH.fullmatch(path):
        raise ValueError('is no path in JSON; expected for example "data.token" or "items[0].token"')
    return tuple(path.replace("[", ".").replace("]", "").strip(".").split("."))
