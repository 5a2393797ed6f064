"""Who may ask the admin listener."""

import pytest

from proxy.admin.guard import refusal


@pytest.mark.parametrize(
    "host", ["127.0.0.1:9901", "[::1]:9901", "localhost", "LOCALHOST:1", "a.localhost", "gateway", "10.0.0.1"]
)
def test_names_of_this_machine(host: str) -> None:
    """IP literals, localhost and single labels cannot be bent by DNS."""
    assert refusal(host, "127.0.0.1", {}) is None


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:9901", "127.0.0.1.evil.example", "", "a.b"])
def test_other_names_may_have_been_rebound(host: str) -> None:
    """421 for a name that anybody could have pointed here."""
    assert refusal(host, "127.0.0.1", {}) == (421, "host_not_allowed")


@pytest.mark.parametrize("peer", ["10.0.0.1", "8.8.8.8", "::ffff:10.0.0.1", "fe80::1%eth0"])
def test_peers_from_elsewhere(peer: str) -> None:
    """403 beyond loopback."""
    assert refusal("localhost", peer, {}) == (403, "client_not_allowed")


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", None])
def test_peers_from_here(peer: str | None) -> None:
    """Loopback in each form, and Unix sockets."""
    assert refusal("localhost", peer, {}) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_pages_of_other_sites(fields: dict[str, str]) -> None:
    """403 for what a browser sends on behalf of another page."""
    assert refusal("localhost:9901", "127.0.0.1", fields) == (403, "cross_site")


def test_its_own_page() -> None:
    """The listener's own origin may ask."""
    fields = {"Origin": "http://localhost:9901", "Sec-Fetch-Site": "same-origin"}
    assert refusal("localhost:9901", "127.0.0.1", fields) is None
