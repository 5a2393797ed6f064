"""Who may ask the admin listener."""

import pytest

from proxy.admin.guard import Guard
from proxy.core.access import networks
from proxy.core.fields import Control
from proxy.core.hosts import Hosts
from proxy.core.keys import Keys
from proxy.core.secret import Secret


def refused(
    host: str, peer: str | None = "127.0.0.1", fields: Control | None = None, names: tuple[bytes, ...] = ()
) -> str | None:
    """Return the code of the refusal of a request, None where it is answered."""
    found = Guard(Hosts(names)).refusal(peer, "/status", {b"host": host.encode(), **(fields or {})})
    return None if found is None else found.code


@pytest.mark.parametrize(
    "host", ["127.0.0.1:9901", "[::1]:9901", "localhost", "LOCALHOST:1", "a.localhost", "gateway", "10.0.0.1"]
)
def test_names_of_this_machine(host: str) -> None:
    """IP literals, localhost and single labels cannot be bent by DNS."""
    assert refused(host) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example:9901", "127.0.0.1.evil.example", "", "a.b", f"localhost:{'9' * 5000}"],
)
def test_other_names_may_have_been_rebound(host: str) -> None:
    """421 for a name that anybody could have pointed here."""
    assert refused(host) == "host_not_allowed"


def test_names_that_the_operator_has_written_down() -> None:
    """`access.allowed_hosts` holds for this listener as well."""
    assert refused("gateway.example:9901", names=(b"gateway.example",)) is None


@pytest.mark.parametrize("peer", ["10.0.0.1", "8.8.8.8", "::ffff:10.0.0.1", "fe80::1%eth0"])
def test_peers_from_elsewhere(peer: str) -> None:
    """403 beyond loopback."""
    assert refused("localhost", peer) == "client_not_allowed"


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", None])
def test_peers_from_here(peer: str | None) -> None:
    """Loopback in each form, and Unix sockets."""
    assert refused("localhost", peer) is None


@pytest.mark.parametrize(
    "fields",
    [
        {b"origin": b"https://evil.example"},
        {b"origin": b"null"},
        {b"origin": b"http://localhost:1"},
        {b"origin": b"http://localhost:9901, http://localhost:9901"},
        {b"origin": b"https://localhost:9901"},
        {b"sec-fetch-site": b"cross-site"},
        {b"sec-fetch-site": b"same-site"},
    ],
)
def test_pages_of_other_sites(fields: Control) -> None:
    """403 for what a browser sends on behalf of another page."""
    assert refused("localhost:9901", fields=fields) == "cross_site"


def test_its_own_page() -> None:
    """The listener's own origin may ask."""
    fields = {b"origin": b"http://localhost:9901", b"sec-fetch-site": b"same-origin"}
    assert refused("localhost:9901", fields=fields) is None


def asked(path: str, peer: str | None, fields: Control | None = None, *, keyed: bool = True) -> str | None:
    """Return the code of the refusal where a private network may ask, and a key is there."""
    keys = Keys()
    keys.set("key", Secret("admin-key"))
    guard = Guard(Hosts(), networks("private"), keys if keyed else None)
    found = guard.refusal(peer, path, {b"host": b"10.1.2.3:9901", **(fields or {})})
    return None if found is None else found.code


@pytest.mark.parametrize("peer", ["10.1.2.3", "192.168.0.7", "fe80::1%eth0", "::ffff:172.16.0.1", "127.0.0.1", None])
@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_probes_and_scrapes_need_no_key(path: str, peer: str | None) -> None:
    """By the address of a pod, from the networks of `admin.allow`, with a key configured or not."""
    assert asked(path, peer) is None
    assert asked(path, peer, keyed=False) is None


@pytest.mark.parametrize("path", ["/livez", "/metrics", "/status"])
def test_networks_that_are_not_allowed(path: str) -> None:
    """403, also with the key: it is a further condition, no substitute."""
    assert asked(path, "8.8.8.8", {b"x-proxy-key": b"admin-key"}) == "client_not_allowed"


@pytest.mark.parametrize("path", ["/status", "/refresh/main", "/log", "/", "/quit", "/livez/", "/metrics/x", "//livez"])
def test_everything_else_needs_the_key_beyond_this_machine(path: str) -> None:
    """401 without; where no key is configured nobody from elsewhere gets it; from here none is needed."""
    assert asked(path, "10.1.2.3") == "client_key_required"
    assert asked(path, "10.1.2.3", {b"x-proxy-key": b"admin-key"}) is None
    assert asked(path, "10.1.2.3", {b"x-proxy-key": b"admin-key"}, keyed=False) == "client_not_allowed"
    assert asked(path, "::1") is None
    assert asked(path, None, keyed=False) is None


@pytest.mark.parametrize(
    ("fields", "good"),
    [
        ({b"x-proxy-key": b" admin-key\t"}, True),
        ({b"authorization": b"Bearer admin-key"}, True),
        ({b"authorization": b"bearer  admin-key"}, True),
        ({b"authorization": b"Basic YW55OmFkbWluLWtleQ=="}, True),
        ({b"x-proxy-key": b"wrong", b"authorization": b"Bearer admin-key"}, True),
        ({b"x-proxy-key": b""}, False),
        ({b"x-proxy-key": b"admin-key, admin-key"}, False),
        ({b"authorization": b"admin-key"}, False),
        ({b"authorization": b"Bearer"}, False),
        ({b"authorization": b"Bearer wrong"}, False),
        ({b"authorization": b"Basic YWRtaW4ta2V5Og=="}, False),
        ({b"cookie": b"admin-key"}, False),
    ],
)
def test_how_the_key_is_sent(fields: Control, good: bool) -> None:
    """As X-Proxy-Key, as a Bearer token, or as the password of Basic."""
    assert asked("/status", "10.1.2.3", fields) == (None if good else "client_key_required")


def test_a_page_with_the_key_is_a_page_all_the_same() -> None:
    """The key lets nobody's page in."""
    fields = {b"x-proxy-key": b"admin-key", b"origin": b"https://evil.example"}
    assert asked("/status", "10.1.2.3", fields) == "cross_site"
