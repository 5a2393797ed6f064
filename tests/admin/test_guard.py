"""Who may ask the admin listener."""

import pytest

from proxy.admin.guard import refusal
from proxy.core.fields import Control
from proxy.core.hosts import Hosts


def refused(
    host: str, peer: str | None = "127.0.0.1", fields: Control | None = None, names: tuple[bytes, ...] = ()
) -> str | None:
    """Return the code of the refusal of a request, None where it is answered."""
    found = refusal(Hosts(names), peer, {b"host": host.encode(), **(fields or {})})
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
