"""Which Host names are answered."""

import pytest

from proxy.core.hosts import REMEMBERED, Hosts, hostname

GOOD = [
    b"127.0.0.1",
    b"127.0.0.1:8080",
    b"10.1.2.3:80",
    b"[::1]",
    b"[::1]:8080",
    b"[2001:DB8::1]:1",
    b"localhost",
    b"LocalHost:8080",
    b"localhost:",
    b"a.localhost",
    b"a.b-c.localhost:1",
    b"gateway",
    b"iam_proxy:80",
    b"gw.example",
    b"GW.Example:443",
]
FOREIGN = [
    b"",
    b":80",
    b"evil.example",
    b"localhost.evil.example",
    b"localhost.",
    b"evil.localhost.",
    b"gateway.",
    b".localhost",
    b"a..localhost",
    b"localhostx.example",
    b"xlocalhost.example:80",
    b"127.0.0.1.",
    b"127.0.0.1.nip.io",
    b"127.1",
    b"127.0.0.01",
    b"0x7f.0.0.1",
    b"0x7f000001",
    b"0X7F000001:80",
    b"2130706433",
    b"017700000001",
    b"0x",
    b"127.0.0.1.evil",
    b"1.2.3.4.5",
    b"256.1.1.1",
    b"[::1].evil.example",
    b"[::1",
    b"::1",
    b"gw.example.evil",
    b"x.gw.example",
    b"gw.example.",
    b"gw%2eexample",
    b"%6c%6f%63%61%6c%68%6f%73%74",
    b"local~host",
    b"user@localhost",
    b"localhost,evil.example",
    b"xn--lcalhost-n6a.example",
    b"\xc2\xb9\xc2\xb2\xc2\xb7.0.0.1",
    b"localhost/evil.example",
    b"localhost\\.evil.example",
    b"localhost:80:80",
    b"localhost:x",
    b"localhost:000080",
    b"localhost:" + b"9" * 5000,
    b"0.0.0.0",
    b"0.0.0.0:8080",
    b"[::]:8080",
    b"[0:0::0]",
    b"[::ffff:127.0.0.1]",
    b"[::FFFF:7f00:1]:8080",
]


@pytest.mark.parametrize("host", GOOD)
def test_names_that_nobody_else_can_point_here(host: bytes) -> None:
    """Literals, localhost, single labels, and what the operator has written down; the port says nothing."""
    assert Hosts([b"gw.example"]).answered(host)


@pytest.mark.parametrize("host", FOREIGN)
def test_names_that_somebody_else_may_have_pointed_here(host: bytes) -> None:
    """Anything else, near as it may look; also after a good one has been seen."""
    hosts = Hosts([b"gw.example"])
    assert hosts.answered(b"localhost")
    assert not hosts.answered(host)
    assert not hosts.answered(host)


def test_what_is_remembered_is_bounded() -> None:
    """Made-up names of one label are answered, and cost no memory for ever."""
    hosts = Hosts()
    assert all(hosts.answered(b"name%d" % number) for number in range(1000))
    assert len(hosts.known) <= REMEMBERED


def test_what_is_remembered_is_what_is_asked_for_now() -> None:
    """Whoever comes first with many names does not make those that come later cost more for ever."""
    hosts = Hosts()
    assert all(hosts.answered(b"name%d" % number) for number in range(1000))
    assert hosts.answered(b"localhost")
    assert b"localhost" in hosts.known


@pytest.mark.parametrize(
    ("host", "name"),
    [(b"A.b:80", b"a.b"), (b"a", b"a"), (b"[::1]:80", b"[::1]"), (b"[::1]", b"[::1]"), (b"a:", b"a"), (b"", b"")],
)
def test_hostname(host: bytes, name: bytes) -> None:
    """The port goes, the case too."""
    assert hostname(host) == name
