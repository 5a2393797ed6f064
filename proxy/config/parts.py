"""Values that take more than a type to check: addresses, URLs, paths, methods. All raise ValueError.

No message has the value in it: what was put into the wrong place may be a secret, and the line says where it stands.
"""

import importlib.util
import ipaddress
import os
import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

from proxy.core.address import Address, TcpAddress, UnixAddress, Upstream
from proxy.core.fields import NO_TRAILERS
from proxy.core.injection import Injection, Place
from proxy.core.paths import plain
from proxy.core.secret import Secret
from proxy.core.store import StoreFile, StorePlace, StoreServer
from proxy.errors import PathDenied

PORTS = 65_535
# More are a mistake: no machine has so many cores to spare for this.
MOST_WORKERS = 256
# RFC 9110 §5.6.2: what names of methods, fields and cookies are made of.
WORD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# What of the client's own parameters a URL may carry: the authorities that the server is verified with, and a
# certificate to show it. Verification has no off switch here.
REDIS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_LISTEN = re.compile(r"(\[[^\]]*\]|[^:\[\]]*):(\d{1,5})")
_DATABASE = re.compile(r"/?\d{0,4}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9.])?")


def address(value: object) -> Address:
    """Return where to listen, from "H:P", "[::1]:P" or "unix:/path"."""
    expected = 'expected "HOST:PORT", "[::1]:PORT" or "unix:/path"'
    if not isinstance(value, str):
        raise ValueError(f"is not an address; {expected}")  # noqa: TRY004  pydantic wants a ValueError
    if value.startswith("unix:"):
        if len(value) == len("unix:"):
            raise ValueError(f"names no socket; {expected}")
        return UnixAddress(value.removeprefix("unix:"))
    match = _LISTEN.fullmatch(value)
    if match is None or int(match[2]) > PORTS:
        raise ValueError(f"is not an address; {expected}")
    host, port = match[1].strip("[]"), int(match[2])
    if not host:
        raise ValueError(f'names no host; "127.0.0.1:{port}" is this machine alone, "0.0.0.0:{port}" all')
    if match[1].startswith("["):
        ipv6(host)
    return TcpAddress(host, port)


def tcp_address(value: object) -> TcpAddress:
    """Return where to listen, from "H:P" or "[::1]:P"."""
    found = address(value)
    if isinstance(found, UnixAddress):
        raise ValueError("is a Unix socket; expected HOST:PORT")  # noqa: TRY004  one kind for all
    return found


def workers(value: object) -> int:
    """Return how many processes are to serve: a number, or with "auto" one for each core that this one may use."""
    if value == "auto":
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_WORKERS:
        raise ValueError(f'is no number of processes; expected 1 to {MOST_WORKERS}, or "auto"')
    if value > 1 and not hasattr(os, "fork"):
        raise ValueError("is more than this system can do: one process alone can serve here")
    return value


def unix_address(value: object) -> UnixAddress | None:
    """Return the socket on which tokens are handed out, from "unix:/path"; None for the empty text."""
    if value == "":
        return None
    if not isinstance(value, str) or not value.startswith("unix:") or value == "unix:":
        words = "who can connect is handed tokens, and only a file has a mode that keeps others out"
        raise ValueError(f'is no Unix socket; expected "unix:/path": {words}')
    return UnixAddress(value.removeprefix("unix:"))


def addresses(value: object) -> tuple[Address, ...]:
    """Return where to listen, from one address or a list of them."""
    many = value if isinstance(value, list) else [value]
    if not many:
        raise ValueError("is empty; expected at least one address")
    return tuple(address(each) for each in many)


def maybe_address(value: object) -> Address | None:
    """Return where to listen; None for the empty text."""
    return None if value == "" else address(value)


def url(value: object) -> str:
    """Return an absolute http or https URL without userinfo and fragment."""
    upstream_parts(value)
    return str(value)


def upstream(value: object) -> Upstream:
    """Return the base URL of an origin."""
    scheme, host, port, path, query = upstream_parts(value)
    if query:
        raise ValueError("has a query; expected a base URL such as https://my-project.eu.dataplatform.ovh.net")
    base = path.rstrip("/").encode()
    try:
        plain(base)
    except PathDenied:
        raise ValueError("has dot segments beside escapes or doubled slashes; expected a plain path") from None
    return Upstream(scheme, host, port, base)


def upstream_parts(value: object) -> tuple[str, str, int, str, str]:
    """Return scheme, host, port, path and query of a URL; a name in other scripts comes back in punycode."""
    expected = "expected a URL such as https://my-project.eu.dataplatform.ovh.net"
    if not isinstance(value, str):
        raise ValueError(f"is not a URL; {expected}")  # noqa: TRY004  pydantic wants a ValueError
    try:
        split = urlsplit(value)
        port = split.port
    except ValueError:
        raise ValueError(f"is not a URL; {expected}") from None
    good = split.scheme in {"http", "https"} and bool(split.hostname) and not split.fragment and value.isprintable()
    if "@" in (split.netloc if good else value):  # a malformed one may hide a password anywhere: it is not shown
        raise ValueError("carries a user or a password; keys belong into [credentials]")
    if not good or split.hostname is None:
        raise ValueError(f"is not an http or https URL; {expected}")
    return (
        split.scheme,
        hostname(split.hostname),
        port or (443 if split.scheme == "https" else 80),
        split.path,
        split.query,
    )


def hostname(name: str) -> str:
    """Return a host's name in ASCII."""
    if ":" in name:
        return ipv6(name)
    try:
        ascii_name = name.encode("idna").decode()
    except UnicodeError:
        ascii_name = ""
    if not _HOST.fullmatch(ascii_name):
        raise ValueError("has a name for its host that is none")
    return ascii_name


def ipv6(text: str) -> str:
    """Return an IPv6 address in its usual form."""
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        raise ValueError("is no IPv6 address") from None


def path(value: object) -> bytes:
    """Return a path prefix in its plain form, without a slash at its end."""
    if not isinstance(value, str) or not value.startswith("/") or not value.isascii() or set(value) & set("?# "):
        raise ValueError('is not a path; expected one that begins with "/", without query or spaces')
    raw = value.encode()
    try:
        unchanged = plain(raw) == raw
    except PathDenied:
        unchanged = False
    if not unchanged:
        raise ValueError("has dot segments, escapes or doubled slashes; expected it in its plain form")
    return raw.rstrip(b"/") or b"/"


def methods(value: object) -> frozenset[bytes]:
    """Return method names in upper case; GET brings HEAD with it."""
    if not isinstance(value, list) or not value or not all(isinstance(m, str) and WORD.fullmatch(m) for m in value):
        raise ValueError('is not a list of methods; expected for example ["GET", "POST"]')
    names = {str(method).upper().encode() for method in value}
    return frozenset(names | ({b"HEAD"} if b"GET" in names else set()))


def method(value: object) -> str:
    """Return a method's name in upper case."""
    if not isinstance(value, str) or not WORD.fullmatch(value):
        raise ValueError('is not a method; expected for example "POST"')
    return value.upper()


def refusal(value: object) -> int:
    """Return a status that can mean a refused token; answers of 2xx are passed on without a look."""
    return status(value, range(300, 600))


def successes(value: object) -> frozenset[int]:
    """Return the statuses of a login that succeeds; some answer a form with a redirect."""
    if not isinstance(value, list) or not value:
        raise ValueError("is not a list of statuses; expected for example [200, 201]")
    return frozenset(status(each, range(200, 400)) for each in value)


def status(value: object, among: range) -> int:
    """Return a status code."""
    if not isinstance(value, int) or isinstance(value, bool) or value not in among:
        raise ValueError(f"is no such status; expected a number from {among[0]} to {among[-1]}")
    return value


def texts(value: object) -> tuple[bytes, ...]:
    """Return what is looked for in a body."""
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise ValueError('is not a list of texts; expected for example ["Invalid token"]')
    return tuple(each.encode() for each in value)


def injection(value: object) -> Injection:
    """Return where a credential goes, from a table with one of header, query and cookie."""
    expected = 'expected { header = "…", template = "… {token}" }, { query = "…" } or { cookie = "…" }'
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise ValueError(f"is no place for a credential; {expected}")
    match sorted(value):
        case ["header"] | ["header", "template"]:
            return _header_injection(value["header"], value.get("template"))
        case ["query"] if value["query"] and value["query"].isascii() and value["query"].isprintable():
            return Injection(Place.QUERY, value["query"].encode(), b"")
        case ["cookie"] if WORD.fullmatch(value["cookie"]):
            return Injection(Place.COOKIE, value["cookie"].encode(), b"")
    raise ValueError(f"is no place for a credential; {expected}")


def _header_injection(name: str, template: str | None) -> Injection:
    usual = name.lower() == "authorization"
    template = template or ("Bearer {token}" if usual else "{token}")
    if not WORD.fullmatch(name) or (not usual and name.lower().encode() in NO_TRAILERS):
        raise ValueError("cannot carry a credential; expected the name of a field of its own")
    before, token, after = template.partition("{token}")
    if not token or not (before + after).isascii() or not (before + after + "x").isprintable():
        raise ValueError('has a template without {token}, or no ASCII; expected for example "Bearer {token}"')
    return Injection(Place.FIELD, name.encode(), before.encode(), after.encode())


def store(value: object) -> StorePlace | None:
    """Return where tokens are shared, None for memory alone; its URL may hold a password and is in no message."""
    if value == "memory":
        return None
    if isinstance(value, str) and value.startswith("file:") and value != "file:":
        _installed("cryptography")
        return StoreFile(value.removeprefix("file:"))
    if isinstance(value, str) and value.startswith(("redis://", "rediss://")):
        _redis(value)
        _installed("cryptography", "redis")
        return StoreServer(Secret(value))
    raise ValueError('is no store; expected "memory", "file:PATH", "redis://HOST:PORT/DB" or "rediss://…"')


def _redis(value: str) -> None:
    """Raise ValueError for a URL that the client would not take, or would take for another."""
    try:
        split = urlsplit(value)
        well = bool(split.hostname) and (split.port is None or split.port > 0) and not split.fragment
        query = dict(parse_qsl(split.query, keep_blank_values=True, strict_parsing=bool(split.query)))
    except ValueError:
        well, query = False, {}
    if not well or not value.isprintable() or not _DATABASE.fullmatch(split.path):
        raise ValueError("is no URL of a Redis; expected redis://USER:PASSWORD@HOST:PORT/DB, or rediss:// with TLS")
    if query.keys() - (REDIS_FILES if split.scheme == "rediss" else ()):
        raise ValueError(f"has other parameters than {', '.join(REDIS_FILES)}, which go with rediss://")


def _installed(*packages: str) -> None:
    if missing := [name for name in packages if importlib.util.find_spec(name) is None]:
        raise ValueError(f"needs {' and '.join(missing)}; install it: pip install 'iam-proxy[shared]'")


def one_of(value: object, choices: Sequence[str]) -> str:
    """Return the value if it is among the choices."""
    if value not in choices:
        raise ValueError(f"is unknown; expected {', '.join(map(repr, choices))}")
    return str(value)
