"""What is believed of what a trusted proxy says."""

import ipaddress

import pytest

from proxy.core.fields import Control
from proxy.core.forwarded import HOPS, believed, forwarded

TRUSTED = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))
PROXY = "10.0.0.1"


@pytest.mark.parametrize(
    ("value", "peer", "addresses"),
    [
        (b"", PROXY, [PROXY]),
        (b"1.2.3.4", PROXY, ["1.2.3.4", PROXY]),
        (b"6.6.6.6, 1.2.3.4", PROXY, ["1.2.3.4", PROXY]),
        (b"6.6.6.6, 1.2.3.4, 10.0.0.2", PROXY, ["1.2.3.4", "10.0.0.2", PROXY]),
        (b"6.6.6.6,1.2.3.4,10.0.0.2 ,\t10.0.0.3", PROXY, ["1.2.3.4", "10.0.0.2", "10.0.0.3", PROXY]),
        (b"10.0.0.3, 10.0.0.2", PROXY, ["10.0.0.3", "10.0.0.2", PROXY]),
        (b"1.2.3.4", "1.1.1.1", ["1.1.1.1"]),
        (b"None, 10.0.0.2", PROXY, ["unknown", "10.0.0.2", PROXY]),
        (b"1.2.3.4, None", PROXY, ["unknown", PROXY]),
        (b"1.2.3.4, unknown, 10.0.0.2", PROXY, ["unknown", "10.0.0.2", PROXY]),
        (b"1.2.3.4, ,,", PROXY, ["1.2.3.4", PROXY]),
        (b" ,", PROXY, [PROXY]),
        (b"1.2.3.4, 010.0.0.2", PROXY, ["unknown", PROXY]),
        (b"1.2.3.4, 10.0.0.2.", PROXY, ["unknown", PROXY]),
        (b"\xff\xfe", PROXY, ["unknown", PROXY]),
        (b"1.2.3.4:5678", PROXY, ["1.2.3.4", PROXY]),
        (b"[2001:db8::1]:443", PROXY, ["2001:db8::1", PROXY]),
        (b"[2001:db8::1]", PROXY, ["2001:db8::1", PROXY]),
        (b"[2001:db8::1]evil", PROXY, ["unknown", PROXY]),
        (b"[1.2.3.4]", PROXY, ["unknown", PROXY]),
        (b"1.2.3.4:", PROXY, ["unknown", PROXY]),
        (b"1.2.3.4:x", PROXY, ["unknown", PROXY]),
        (b"1.2.3.4:5678 x", PROXY, ["unknown", PROXY]),
        (b"fe80::1%eth0", PROXY, ["fe80::1", PROXY]),
        (b"[fe80::1%2]:80", PROXY, ["fe80::1", PROXY]),
        (b"fe80::1%\x9b2J peer=1.2.3.4", PROXY, ["unknown", PROXY]),
        (b"2001:DB8::1, fd00::2", "fd00::1", ["2001:db8::1", "fd00::2", "fd00::1"]),
        (b"1.2.3.4, ::ffff:10.0.0.2", PROXY, ["1.2.3.4", "::ffff:a00:2", PROXY]),
    ],
)
def test_the_walk(value: bytes, peer: str, addresses: list[str]) -> None:
    """From the right as far as trusted proxies go, and one further: that is the client. What is no address ends it."""
    assert believed(value, peer, TRUSTED) == addresses


def test_a_walk_has_an_end() -> None:
    """However many proxies are made up."""
    assert len(believed(b", ".join([b"10.0.0.2"] * 5000), PROXY, TRUSTED)) == HOPS + 1


@pytest.mark.parametrize(
    ("control", "scheme", "host"),
    [
        ({}, b"http", b"here"),
        ({b"x-forwarded-proto": b"https", b"x-forwarded-host": b"gw.example"}, b"https", b"gw.example"),
        ({b"x-forwarded-proto": b"HTTPS"}, b"https", b"here"),
        ({b"x-forwarded-proto": b"javascript", b"x-forwarded-host": b"a, b"}, b"http", b"a, b"),
        ({b"x-forwarded-proto": b"https, http"}, b"http", b"here"),
    ],
)
def test_scheme_and_host(control: Control, scheme: bytes, host: bytes) -> None:
    """As the proxy says, where that can be."""
    told = forwarded(control, PROXY, TRUSTED, b"http", b"here")
    assert (told.scheme, told.host) == (scheme, host)
    assert told.lines == b"X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: %b\r\n" % scheme
