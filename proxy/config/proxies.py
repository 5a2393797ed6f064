"""Forward proxies, as a file or the environment writes them; no message shows a URL, which may hold a password."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from proxy.config.parts import hostname
from proxy.core.egress import PORTS, Egress, EgressProxy, exempted
from proxy.core.secret import Secret

EXPECTED = 'expected "http://HOST:PORT", or "" for none'
# As curl has it: lower case wins, an empty one is none. That curl leaves HTTP_PROXY out is for CGI, which we are not.
VARIABLES = {
    "http": ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"),
    "https": ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"),
}
EXEMPT = ("no_proxy", "NO_PROXY")


@dataclass(frozen=True, slots=True)
class Environment:
    """What the environment says of proxies, and what is wrong with those of its variables that count, by scheme."""

    egress: Egress = Egress()
    flaws: Mapping[str, str] = field(default_factory=dict)

    def flaw(self, url: str) -> str | None:
        """Return what is wrong with the variable that decides about a URL."""
        split = urlsplit(url)
        if self.egress.direct(split.hostname or "", split.port or PORTS.get(split.scheme, 0)):
            return None
        return self.flaws.get(split.scheme)


def environment(environ: Mapping[str, str]) -> Environment:
    """Return what these variables say."""
    found: dict[str, EgressProxy] = {}
    flaws: dict[str, str] = {}
    for scheme, names in VARIABLES.items():
        name = next((name for name in names if environ.get(name)), None)
        if name is None:
            continue
        value = environ[name]
        try:
            found[scheme] = proxy(value if "://" in value else f"http://{value}")
        except ValueError as error:
            flaws[scheme] = f"{name} of the environment {error}"
    exempt = next((environ[name] for name in EXEMPT if environ.get(name)), "")
    return Environment(Egress(found.get("http"), found.get("https"), exempted(exempt)), flaws)


def given(value: object) -> Egress:
    """Return what a key says: one proxy for everything, or with the empty text none."""
    if value == "":
        return Egress()
    if not isinstance(value, str):
        raise ValueError(f"is not a text; {EXPECTED}")  # noqa: TRY004  pydantic wants a ValueError
    found = proxy(value)
    return Egress(found, found)


def proxy(url: str) -> EgressProxy:
    """Return the proxy of a URL; its port is 80 where there is none. Raises ValueError."""
    try:
        split = urlsplit(url)
        port = PORTS["http"] if split.port is None else split.port
    except ValueError:
        raise ValueError(f"is no URL of a proxy; {EXPECTED}") from None
    if split.scheme.startswith("socks"):
        raise ValueError(f"names a SOCKS proxy, which is not supported; {EXPECTED}")
    if split.scheme == "https":
        raise ValueError(f"wants TLS to the proxy itself, which is not supported; {EXPECTED}")
    whole = split.path in {"", "/"} and not split.query and not split.fragment and url.isprintable()
    if split.scheme != "http" or not split.hostname or not port or not whole:
        raise ValueError(f"is no URL of a proxy; {EXPECTED}")
    try:
        host = hostname(split.hostname)
    except ValueError:
        raise ValueError(f"names no host; {EXPECTED}") from None
    return EgressProxy(host, port, _login(split.username, split.password))


def _login(user: str | None, password: str | None) -> Secret | None:
    if user is None:
        return None
    if ":" in unquote(user):
        raise ValueError("has a colon in its user, with which Basic ends the name (RFC 7617)")
    return Secret(f"{unquote(user)}:{unquote(password or '')}")
