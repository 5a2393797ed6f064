"""Who may call, as a file writes it: networks, Host names, origins, keys. All raise ValueError, without the value."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from pydantic import ValidationInfo

from proxy.config import parts
from proxy.config.secrets import secret_and_text
from proxy.core.access import Network, networks
from proxy.core.cors import origin_of
from proxy.core.hosts import literal, local
from proxy.core.secret import SecretSource

# RFC 6454 §6.2; an editor's or an extension's pages have schemes of their own.
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^\s/?#@:\[\]*]+)(?::([0-9]{1,5}))?")
T = TypeVar("T")
ORIGIN = 'expected an origin such as "https://app.example" or "http://localhost:3000"'


def allowed(value: object) -> tuple[Network, ...]:
    """Return the networks that a list names."""
    expected = 'expected "loopback", "private", "any" or networks such as "10.0.0.0/8"'
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"is not a list of networks; {expected}")
    return tuple(network for found in every(value, lambda each: _networks(each, expected)) for network in found)


def every(values: Sequence[str], read: Callable[[str], T]) -> Iterator[T]:
    """Yield each of a list's entries as it is read; what is wrong with one is said behind its number."""
    for number, each in enumerate(values, 1):
        try:
            yield read(each)
        except ValueError as error:
            raise ValueError(f"its entry {number} {error}") from None


def _networks(name: str, expected: str) -> Iterable[Network]:
    try:
        return networks(name)
    except ValueError:
        raise ValueError(f"is no network; {expected}") from None


def trusted(value: object) -> tuple[Network, ...]:
    """Return the networks of proxies that are believed; none of them is everybody's."""
    found = allowed(value)
    if any(network.prefixlen == 0 for network in found):
        raise ValueError("would believe everybody; expected the networks of your own proxies")
    return found


def hosts(value: object) -> frozenset[bytes]:
    """Return the names that a list holds, in lower case and ASCII."""
    expected = 'expected names such as "gateway.example.com", without port'
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"is not a list of names; {expected}")
    return frozenset(every(value, lambda each: _host(each, expected)))


def _host(name: str, expected: str) -> bytes:
    if "*" in name:
        raise ValueError(f"is a pattern; {expected}")
    try:
        found = parts.hostname(name).lower().encode()
    except ValueError:
        raise ValueError(f"is no host name; {expected}") from None
    if literal(found) or local(found) or b":" in found:
        raise ValueError(f"is answered in any case; {expected}")
    return found


def origins(value: object) -> frozenset[bytes]:
    """Return the origins that a list holds, as browsers write them."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"is not a list; {ORIGIN}")
    return frozenset(every(value, _origin))


def _origin(text: str) -> bytes:
    if text == "null" or "*" in text:
        raise ValueError(f"would let pages of any site in; {ORIGIN}")
    match = _ORIGIN.fullmatch(text.lower())
    if match is None or int(match[3] or 0) > parts.PORTS:
        raise ValueError(f"is no origin; {ORIGIN}")
    scheme, host, port = match.groups()
    if not host.startswith("["):
        host = parts.hostname(host)
    return origin_of(scheme.encode(), f"{host}:{port or ''}".encode())


def optional_key(value: object, info: ValidationInfo) -> SecretSource | None:
    """Return where a client key is, if one is given."""
    return None if value is None else key(value, info)


def key(value: object, info: ValidationInfo) -> SecretSource:
    """Return where a client key is."""
    found, text = secret_and_text(value, info)
    if text != text.strip():
        raise ValueError("begins or ends with a space, which no field can carry")
    return found
