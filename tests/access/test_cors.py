"""CORS, answered by the gateway for listed origins alone: preflights, answers, refusals and errors."""

from dataclasses import replace

import pytest

from proxy.core.access import Access
from proxy.core.route import Route
from proxy.errors import LoginUnavailable
from tests.access.requests import APP, LISTING, LISTING_KEYED, code, once, send
from tests.fakes.gateway import Answered, gateway_to
from tests.fakes.origin import OK, Script, Visit, raw_origin
from tests.fakes.tokens import FakeSource

pytestmark = pytest.mark.usefixtures("loop_factory")

ORIGIN = f"Origin: {APP}"
USUAL = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


def says(*lines: bytes) -> Script:
    """Return a script that answers every request with these fields."""

    async def script(visit: Visit) -> None:
        while True:
            await visit.request()
            await visit.send(
                OK.replace(b"Content-Length", b"".join(b"%b\r\n" % line for line in lines) + b"Content-Length")
            )

    return script


def readable(answer: Answered) -> bool:
    """Return whether a browser lets the listed page read an answer: each field once, as Fetch §3.3.3 wants it."""
    allowed = answer.values(b"access-control-allow-origin"), answer.values(b"access-control-allow-credentials")
    vary = b",".join(answer.values(b"vary")).lower().replace(b" ", b"").split(b",")
    return allowed == ([APP.encode()], [b"true"]) and vary.count(b"origin") == 1


def preflight(method: str = "PUT", headers: str = "content-type, x-proxy-key") -> tuple[str, ...]:
    """Return the fields of a preflight."""
    return ORIGIN, f"Access-Control-Request-Method: {method}", f"Access-Control-Request-Headers: {headers}"


async def test_a_preflight_is_answered_here() -> None:
    """204 with everything that the browser needs to know; the origin hears nothing, the connection goes on."""
    async with raw_origin() as origin, gateway_to(origin.port, access=LISTING) as bench, bench.client() as client:
        for _ in range(2):
            answer = await send(client, "OPTIONS /qb/query?x=1", *preflight(), "Sec-Fetch-Site: cross-site")
        (first, _) = await bench.facts(2)
    assert (answer.status, origin.arrived, first.status, first.code) == (204, [], 204, None)
    assert {name: value for name, value in answer.fields if name != b"Date"} == {
        b"Access-Control-Allow-Origin": APP.encode(),
        b"Access-Control-Allow-Credentials": b"true",
        b"Access-Control-Allow-Methods": USUAL,
        b"Access-Control-Allow-Headers": b"content-type, x-proxy-key",
        b"Access-Control-Max-Age": b"600",
        b"Vary": b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
    }


@pytest.mark.parametrize(
    ("method", "offered"),
    [("LIST", USUAL + b", LIST"), *((method, USUAL) for method in ("PATCH", "TRACE", "trace", "CONNECT", "a b"))],
)
async def test_the_methods_on_offer(method: str, offered: bytes) -> None:
    """Where the route has no rule: the usual ones and what is wanted, if the gateway forwards it."""
    async with raw_origin() as origin, gateway_to(origin.port, access=LISTING) as bench:
        answer = await once(bench, "OPTIONS /", *preflight(method))
    assert answer.values(b"access-control-allow-methods") == [offered]


async def test_a_preflight_for_a_route_with_rules() -> None:
    """OPTIONS need not be among its methods; what is not is not offered. What no route leads to has none."""

    def change(route: Route) -> Route:
        return replace(route, path=b"/api", methods=frozenset((b"GET", b"HEAD")), deny=(b"/api/secret",))

    async with raw_origin() as origin, gateway_to(origin.port, route=change, access=LISTING) as bench:
        for method in ("GET", "DELETE", "OPTIONS"):
            answer = await once(bench, "OPTIONS /api/x", *preflight(method))
            assert (answer.status, answer.values(b"access-control-allow-methods")) == (204, [b"GET, HEAD"])
        missing = await once(bench, "OPTIONS /other", *preflight())
        plain = await once(bench, "OPTIONS /api/x", ORIGIN)
    assert (missing.status, code(missing), readable(missing)) == (404, "no_route", True)
    assert (plain.status, code(plain), readable(plain)) == (405, "method_not_allowed", True)
    assert origin.arrived == []


async def test_a_preflight_needs_no_key() -> None:
    """A browser sends none with it; the request itself is refused without, and its page can read that."""
    async with raw_origin() as origin, gateway_to(origin.port, access=LISTING_KEYED) as bench:
        assert (await once(bench, "OPTIONS /", *preflight())).status == 204
        answer = await once(bench, "PUT /", ORIGIN)
        assert (answer.status, code(answer), readable(answer)) == (401, "client_key_required", True)
        assert b"www-authenticate" in answer.values(b"access-control-expose-headers")[0].split(b", ")
        assert origin.arrived == []
        answer = await once(bench, "PUT /", ORIGIN, "X-Proxy-Key: key-of-cron")
    assert (answer.status, readable(answer), len(origin.arrived)) == (200, True, 1)


@pytest.mark.parametrize("access", [LISTING, LISTING_KEYED, Access()])
async def test_a_preflight_of_another_page(access: Access) -> None:
    """Refused, and told nothing."""
    async with raw_origin() as origin, gateway_to(origin.port, access=access) as bench:
        for line in ("Origin: https://evil.example", "Origin: null", "Origin: *"):
            answer = await once(bench, "OPTIONS /", line, "Access-Control-Request-Method: PUT")
            assert answer.status in {401, 403}
            assert not any(name.lower().startswith(b"access-control-") for name, _ in answer.fields)
    assert origin.arrived == []


async def test_only_options_is_a_preflight() -> None:
    """A request that looks like one needs its key."""
    async with raw_origin() as origin, gateway_to(origin.port, access=LISTING_KEYED) as bench:
        for method in ("GET", "POST", "options"):
            assert (await once(bench, f"{method} /", *preflight())).status == 401
    assert origin.arrived == []


async def test_without_a_list_preflights_of_programs_cross() -> None:
    """OPTIONS is a method like any other then."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench:
        assert (await once(bench, "OPTIONS /", "Access-Control-Request-Method: PUT")).status == 200
    assert origin.arrived[0].values(b"access-control-request-method") == [b"PUT"]


async def test_a_private_network() -> None:
    """The browser asks whether a public page may reach into the house."""
    async with raw_origin() as origin, gateway_to(origin.port, access=LISTING) as bench:
        answer = await once(bench, "OPTIONS /", *preflight(), "Access-Control-Request-Private-Network: true")
    assert answer.values(b"access-control-allow-private-network") == [b"true"]


# --- answers
OWN_FIELDS = (
    b"Access-Control-Allow-Origin: *",
    b"access-control-allow-origin: https://evil.example",
    b"Access-Control-Allow-Credentials: false",
    b"Access-Control-Expose-Headers: X-Own",
    b"Access-Control-Max-Age: 99999",
    b"ETag: 1",
    b"X-Total: 5",
    b"Set-Cookie: a=b",
    b"Vary: Accept-Encoding",
    b"Vary: Accept",
)


async def test_an_answer_to_a_listed_page() -> None:
    """Ours in place of the origin's, none of them twice; every field can be read, and Vary has Origin as well."""
    async with raw_origin(says(*OWN_FIELDS)) as origin, gateway_to(origin.port, access=LISTING) as bench:
        answer = await once(bench, "GET /", ORIGIN, "Sec-Fetch-Site: cross-site", "Cookie: c=d")
    assert (answer.status, answer.body, readable(answer)) == (200, b"ok", True)
    assert answer.values(b"vary") == [b"Accept-Encoding", b"Accept, Origin"]
    assert answer.values(b"access-control-expose-headers") == [b"etag, vary, x-total"]
    assert answer.values(b"access-control-max-age") == []
    assert origin.arrived[0].values(b"origin") == [APP.encode()]
    assert origin.arrived[0].values(b"cookie") == [b"c=d"]


@pytest.mark.parametrize("lines", [(), ("Origin: http://gateway",)])
async def test_an_answer_to_anybody_else(lines: tuple[str, ...]) -> None:
    """The origin's fields go, and caches are told that the answer depends on who asks."""
    async with raw_origin(says(*OWN_FIELDS)) as origin, gateway_to(origin.port, access=LISTING) as bench:
        answer = await once(bench, "GET /", *lines)
    assert not any(name.lower().startswith(b"access-control-") for name, _ in answer.fields)
    assert answer.values(b"vary") == [b"Accept-Encoding", b"Accept, Origin"]


async def test_without_a_list_answers_cross_as_they_are() -> None:
    """Foreign pages are refused, and for anybody else these fields mean nothing."""
    async with raw_origin(says(*OWN_FIELDS)) as origin, gateway_to(origin.port) as bench:
        answer = await once(bench, "GET /", "Origin: http://gateway")
    assert [b"%b: %b" % field for field in answer.fields][: len(OWN_FIELDS)] == list(OWN_FIELDS)


async def test_refusals_and_errors_can_be_read() -> None:
    """Whatever goes wrong behind Host, peer and form: the page sees which it is, and nobody else's page does."""

    async def closes(visit: Visit) -> None:
        await visit.request()

    def change(route: Route) -> Route:
        return replace(route, path=b"/api", deny=(b"/api/secret",))

    async with raw_origin(closes) as origin, gateway_to(origin.port, route=change, access=LISTING) as bench:
        cases = [("GET /api/x", 502), ("GET /api/secret", 403), ("GET /other", 404)]
        for line, status in cases:
            answer = await once(bench, line, ORIGIN)
            assert (answer.status, readable(answer)) == (status, True)
            exposed = answer.values(b"access-control-expose-headers")[0].split(b", ")
            assert {b"proxy-status", b"x-request-id"} <= set(exposed)
            unlisted = await once(bench, line, "Origin: https://evil.example")
            assert (unlisted.status, unlisted.values(b"access-control-allow-origin")) == (403, [])
            assert unlisted.values(b"vary") == [b"Accept, Origin"]


async def test_a_login_that_fails_can_be_read() -> None:
    """503 with Retry-After, which the page may read."""
    source = FakeSource(error=LoginUnavailable(retry_after=5))
    async with raw_origin() as origin, gateway_to(origin.port, source=source, access=LISTING) as bench:
        answer = await once(bench, "GET /", ORIGIN)
    assert (answer.status, readable(answer)) == (503, True)
    assert b"retry-after" in answer.values(b"access-control-expose-headers")[0].split(b", ")


async def test_a_websocket_handshake_of_a_listed_page() -> None:
    """It is let through, with the credential."""

    async def switch(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")

    async with raw_origin(switch) as origin, gateway_to(origin.port, access=LISTING) as bench, bench.client() as client:
        answer = await send(client, "GET /ws", "Connection: Upgrade", "Upgrade: websocket", ORIGIN)
        assert answer.status == 101
        assert await client.ended()
    assert origin.arrived[0].values(b"authorization") == [b"Bearer token-1"]
