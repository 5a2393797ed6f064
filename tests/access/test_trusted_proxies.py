"""Proxies in front of the gateway: believed if they are trusted, and as far as they are."""

import ipaddress
from dataclasses import replace

import pytest

from proxy.core.access import ANY, LOOPBACK, Access
from proxy.core.forwarded import HOPS
from tests.access.requests import code, once
from tests.fakes.gateway import Bench, gateway_to
from tests.fakes.origin import RawOrigin, Visit, raw_origin

pytestmark = pytest.mark.usefixtures("loop_factory")

OFFICE = ipaddress.ip_network("192.0.2.0/24")
# The tests' own address is the proxy's; 10/8 are further ones.
BEHIND = Access(allow=(*LOOPBACK, OFFICE), trusted_proxies=(*LOOPBACK, ipaddress.ip_network("10.0.0.0/8")))
CLIENT = "192.0.2.7"


async def one(origin: RawOrigin, bench: Bench, *lines: str, host: str = "gateway") -> dict[bytes, list[bytes]]:
    """Send a request that is answered, and return the X-Forwarded fields that reached the origin."""
    answer = await once(bench, "GET /", *lines, host=host)
    assert answer.status == 200, answer.body
    arrived = origin.arrived[-1]
    return {name: arrived.values(b"x-forwarded-" + name) for name in (b"for", b"proto", b"host")}


@pytest.mark.parametrize(
    ("value", "sent", "peer"),
    [
        (CLIENT, b"192.0.2.7, 127.0.0.1", CLIENT),
        (f"6.6.6.6, {CLIENT}", b"192.0.2.7, 127.0.0.1", CLIENT),
        (f"6.6.6.6, {CLIENT}, 10.0.0.2", b"192.0.2.7, 10.0.0.2, 127.0.0.1", CLIENT),
        ("", b"127.0.0.1", "127.0.0.1"),
        ("127.0.0.5", b"127.0.0.5, 127.0.0.1", "127.0.0.5"),
        (f"{CLIENT},", b"192.0.2.7, 127.0.0.1", CLIENT),
        (f"{CLIENT}:4711", b"192.0.2.7, 127.0.0.1", CLIENT),
        (f"6.6.6.6\r\nx-forwarded-for: {CLIENT}", b"192.0.2.7, 127.0.0.1", CLIENT),
    ],
)
async def test_the_client_is_the_last_that_is_no_proxy(value: str, sent: bytes, peer: str) -> None:
    """The origin and the log learn of the client; what it has made up itself goes no further."""
    async with raw_origin() as origin, gateway_to(origin.port, access=BEHIND) as bench:
        assert (await one(origin, bench, f"X-Forwarded-For: {value}"))[b"for"] == [sent]
        (fact,) = await bench.facts()
    assert (fact.peer, fact.proxy) == (peer, None if peer == "127.0.0.1" else "127.0.0.1")


@pytest.mark.parametrize(
    "value", ["unknown", f"{CLIENT}, None", "None, 127.0.0.5", f"{CLIENT}:4711 forged=1", "fe80::1%\x9b31m forged=1"]
)
async def test_a_client_that_its_proxy_does_not_name(value: str) -> None:
    """Nobody can tell that it is in a network: it is let in where everybody is, and told as what it is."""
    line = f"X-Forwarded-For: {value}"
    async with raw_origin() as origin, gateway_to(origin.port, access=BEHIND) as bench:
        refused = await once(bench, "GET /", line)
        assert (refused.status, code(refused)) == (403, "client_not_allowed")
        (fact,) = await bench.facts()
        assert (fact.peer, fact.proxy) == ("unknown", "127.0.0.1")
    assert origin.arrived == []
    async with raw_origin() as origin, gateway_to(origin.port, access=replace(BEHIND, allow=ANY)) as bench:
        (sent,) = (await one(origin, bench, line))[b"for"]
        assert sent.startswith(b"unknown, 127.0.0.")


async def test_scheme_and_host_are_kept() -> None:
    """As the proxy was asked; what it does not say is said of its own request."""
    told = ("X-Forwarded-Proto: https", "X-Forwarded-Host: gw.example")
    access = replace(BEHIND, allowed_hosts=frozenset((b"gw.example",)))
    async with raw_origin() as origin, gateway_to(origin.port, access=access) as bench:
        assert await one(origin, bench, *told) == {
            b"for": [b"127.0.0.1"],
            b"proto": [b"https"],
            b"host": [b"gw.example"],
        }
        assert await one(origin, bench) == {b"for": [b"127.0.0.1"], b"proto": [b"http"], b"host": [b"gateway"]}


async def test_both_must_be_allowed() -> None:
    """The proxy, and whom it asks for: a believed address opens nothing, it can only shut."""
    stranger = "X-Forwarded-For: 6.6.6.6"
    office_alone = replace(BEHIND, allow=(OFFICE,))
    async with raw_origin() as origin, gateway_to(origin.port, access=BEHIND) as bench:
        refused = await once(bench, "GET /", stranger)
        assert (refused.status, code(refused)) == (403, "client_not_allowed")
        assert (await once(bench, "GET /", f"X-Forwarded-For: {CLIENT}, 6.6.6.6")).status == 403
        (fact, _) = await bench.facts(2)
        assert (fact.peer, fact.proxy) == ("6.6.6.6", "127.0.0.1")
    async with raw_origin() as origin, gateway_to(origin.port, access=office_alone) as bench:
        assert (await once(bench, "GET /", f"X-Forwarded-For: {CLIENT}")).status == 403
    assert origin.arrived == []


async def test_a_peer_that_is_not_trusted_is_not_believed() -> None:
    """Its fields are replaced; they open nothing."""
    access = replace(BEHIND, trusted_proxies=(OFFICE,))
    lines = (f"X-Forwarded-For: {CLIENT}", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example")
    async with raw_origin() as origin, gateway_to(origin.port, access=access) as bench:
        sent = await one(origin, bench, *lines)
        (fact,) = await bench.facts()
    assert sent == {b"for": [b"127.0.0.1"], b"proto": [b"http"], b"host": [b"gateway"]}
    assert (fact.peer, fact.proxy) == ("127.0.0.1", None)


async def test_what_the_browser_called_the_gateway() -> None:
    """Behind TLS and another name the gateway's own pages are still its own, and no others are."""
    access = replace(BEHIND, allowed_hosts=frozenset((b"gw.example",)))
    own = ("X-Forwarded-Proto: https", "X-Forwarded-Host: gw.example", "Origin: https://gw.example")
    async with raw_origin() as origin, gateway_to(origin.port, access=access) as bench:
        await one(origin, bench, *own, host="127.0.0.1:8080")
        for lines in (
            (*own[:2], "Origin: http://gw.example"),
            (*own[:2], "Origin: https://evil.example"),
            (*own[:2], "Origin: https://127.0.0.1:8080"),
            (own[0], own[2]),
        ):
            assert code(await once(bench, "GET /", *lines, host="127.0.0.1:8080")) == "cross_site"


@pytest.mark.parametrize(
    "value",
    [
        "evil.example",
        "localhost, evil.example",
        "evil.example, localhost",
        "",
        "a b",
        f"gateway:{'9' * 5000}",
        ", ".join(["gateway"] * (HOPS + 1)),
    ],
)
async def test_a_name_that_was_rebound_in_front_of_the_proxy(value: str) -> None:
    """A page at evil.example that reaches a trusted proxy is same-origin there; here its name is judged as well."""
    lines = (f"X-Forwarded-Host: {value}", f"Origin: http://{value}")
    async with raw_origin() as origin, gateway_to(origin.port, access=BEHIND) as bench:
        answer = await once(bench, "GET /", *lines, host="127.0.0.1:8080")
        assert (answer.status, code(answer)) == (421, "host_not_allowed")
    assert origin.arrived == []


@pytest.mark.parametrize(
    ("told", "location", "cookie"),
    [
        ((), b"http://gateway/x", b"a=b"),
        (("X-Forwarded-Proto: https",), b"https://gateway/x", b"a=b; Secure; SameSite=None"),
        (
            ("X-Forwarded-Proto: https", "X-Forwarded-Host: gw.example"),
            b"https://gw.example/x",
            b"a=b; Secure; SameSite=None",
        ),
    ],
)
async def test_redirects_and_cookies_are_those_of_its_client(
    told: tuple[str, ...], location: bytes, cookie: bytes
) -> None:
    """They name the gateway as the proxy was asked for it; who came to the proxy over TLS keeps what TLS allows."""

    async def script(visit: Visit) -> None:
        await visit.request()
        lines = b"Location: http://127.0.0.1:%d/x\r\nSet-Cookie: a=b; Secure; SameSite=None\r\n" % visit.origin.port
        await visit.send(b"HTTP/1.1 302 Found\r\n%bContent-Length: 0\r\n\r\n" % lines)

    access = replace(BEHIND, allowed_hosts=frozenset((b"gw.example",)))
    async with raw_origin(script) as origin, gateway_to(origin.port, access=access) as bench:
        answer = await once(bench, "GET /", *told)
    assert answer.values(b"location") == [location]
    assert answer.values(b"set-cookie")[0].replace(b"; SameSite=Lax", b"") == cookie
