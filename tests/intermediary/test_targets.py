"""What a request may ask for: absolute targets, `OPTIONS *`, Max-Forwards, loops."""

from dataclasses import replace

import pytest

from proxy.core.access import Access
from proxy.core.route import Route
from tests.fakes.gateway import gateway_to, upstream
from tests.fakes.origin import raw_origin

pytestmark = pytest.mark.usefixtures("loop_factory")


def named(route: Route) -> Route:
    """Return the route to a host of its own."""
    return replace(route, host=b"api.example")


@pytest.mark.parametrize("target", ["/a?b", "", "?b", "/%41//;/x"])
@pytest.mark.parametrize("authority", ["127.0.0.1:{origin}", "localhost:{port}", "127.0.0.1:{port}", "gateway:{port}"])
async def test_an_absolute_target_for_the_gateway_or_an_upstream(authority: str, target: str) -> None:
    """It is served as if the path had come alone; Host is what the target says (RFC 9112 §3.2.2)."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        host = authority.format(origin=origin.port, port=bench.port)
        await client.send(f"GET http://{host}{target} HTTP/1.1\r\nHost: other\r\n\r\n".encode())
        assert (await client.answer()).status == 200
    path = target if target.startswith("/") else f"/{target}"
    assert origin.arrived[0].line == f"GET {path} HTTP/1.1".encode()
    assert origin.arrived[0].values(b"host") == [b"127.0.0.1:%d" % origin.port]
    assert origin.arrived[0].values(b"x-forwarded-host") == [host.encode()]


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example/",
        "http://127.0.0.1:1/",
        "http://10.0.0.1/",
        "https://evil.example:443/",
        "http://[2001:db8::1]/",
        "http://localhost/",
        "http://evil.example:{port}/",
        "http://127.0.0.1:{origin}.evil.example/",
        "http://api.example.evil/",
    ],
)
async def test_an_absolute_target_never_chooses_an_origin(url: str) -> None:
    """421: neither the gateway nor the host of a route. Nothing is sent anywhere."""
    async with raw_origin() as origin, gateway_to(origin.port, route=named) as bench, bench.client() as client:
        url = url.format(origin=origin.port, port=bench.port)
        await client.send(f"GET {url} HTTP/1.1\r\nHost: api.example\r\n\r\n".encode())
        answer = await client.answer()
        assert answer.status in {400, 421}
        if answer.status == 421:
            assert b'"code":"host_not_allowed"' in answer.body
            assert answer.values(b"proxy-status") == [b"iam-proxy; error=http_request_denied"]
    assert origin.arrived == []


async def test_an_absolute_target_for_the_host_of_a_route() -> None:
    """The route's own host, with or without a port, in any case; its upstream's with the port left out or not."""
    async with raw_origin() as origin, gateway_to(origin.port, route=named) as bench, bench.client() as client:
        for host in ("api.example", "API.example:80", "api.example:8443"):
            await client.send(f"GET http://{host}/x HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert (await client.answer()).status == 200


async def test_an_upstream_behind_tls_is_named_without() -> None:
    """`http_proxy` users write http:// and leave TLS to the gateway."""
    routes = [Route(b"/", upstream(443, host="my-project.example", scheme="https"))]
    async with raw_origin() as origin, gateway_to(1, routes=routes) as bench, bench.client() as client:
        bench.pool.upstream = upstream(origin.port)
        for host in ("my-project.example", "my-project.example:80", "My-Project.example:443"):
            await client.send(f"GET http://{host}/x HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert (await client.answer()).status == 200
        await client.send(b"GET http://my-project.example:8080/x HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await client.answer()).status == 421


async def test_an_upstream_is_named_for_its_own_routes() -> None:
    """Another origin's route is not taken, whatever its path: no credential of one platform goes to the other."""
    async with raw_origin() as one, raw_origin() as other:
        routes = [Route(b"/", upstream(one.port)), Route(b"/other", upstream(other.port))]
        async with gateway_to(one.port, routes=routes) as bench, bench.client() as client:
            for origin, path, status in (
                (one, "/x", 200),
                (one, "/other/x", 200),
                (other, "/other/x", 200),
                (other, "/x", 404),
                (other, "/other/../x", 403),
            ):
                url = f"http://127.0.0.1:{origin.port}{path}"
                await client.send(f"GET {url} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                assert (await client.answer()).status == status, (url, status)
    assert [arrived.line for arrived in one.arrived] == [b"GET /x HTTP/1.1", b"GET /other/x HTTP/1.1"]
    assert [arrived.line for arrived in other.arrived] == [b"GET /other/x HTTP/1.1"]


async def test_a_tunnel_is_refused_with_words_that_help() -> None:
    """CONNECT says what to write in the URL; a host that is not served says who can change it."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench:
        async with bench.client() as client:
            await client.send(b"CONNECT my-project.example:443 HTTP/1.1\r\nHost: my-project.example:443\r\n\r\n")
            assert b"Write http:// in place of https://" in (await client.answer()).body
        async with bench.client() as client:
            await client.send(b"GET http://my-project.example/ HTTP/1.1\r\nHost: my-project.example\r\n\r\n")
            assert b"none of its routes leads to" in (await client.answer()).body
    assert origin.arrived == []


@pytest.mark.parametrize("target", [b"*", b"http://localhost:%d"])
async def test_options_for_the_gateway_itself(target: bytes) -> None:
    """It answers; the origin hears nothing (RFC 9110 §9.3.7, RFC 9112 §3.2.4)."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        target = target % bench.port if b"%d" in target else target
        await client.send(b"OPTIONS %b HTTP/1.1\r\nHost: g\r\n\r\n" % target)
        answer = await client.answer()
        assert (answer.status, answer.values(b"allow")) == (204, [b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"])
    assert origin.arrived == []


async def test_a_peer_that_may_not_use_the_gateway_learns_nothing_from_options() -> None:
    """The address is looked at first."""
    access = Access(())
    async with raw_origin() as origin, gateway_to(origin.port, access=access) as bench, bench.client() as client:
        await client.send(b"OPTIONS * HTTP/1.1\r\nHost: g\r\n\r\n")
        assert (await client.answer()).status == 403


async def test_max_forwards() -> None:
    """OPTIONS counts down and ends here at 0 (RFC 9110 §7.6.2); for others it means nothing."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        for method, value, status in (
            ("OPTIONS", "5", 200),
            ("OPTIONS", "1", 200),
            ("OPTIONS", "0", 204),
            ("GET", "0", 200),
            ("OPTIONS", "x", 400),
        ):
            await client.send(f"{method} /p HTTP/1.1\r\nHost: g\r\nMax-Forwards: {value}\r\n\r\n".encode())
            assert (await client.answer()).status == status
    assert [arrived.values(b"max-forwards") for arrived in origin.arrived] == [[b"4"], [b"0"], [b"0"]]


@pytest.mark.parametrize("method", ["TRACE", "trace", "TRACK", "CONNECT"])
@pytest.mark.parametrize("target", ["/", "*", "127.0.0.1:443"])
async def test_methods_that_are_never_forwarded(method: str, target: str) -> None:
    """TRACE would show the credential, CONNECT would choose an origin: 405 and closed."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(f"{method} {target} HTTP/1.1\r\nHost: g\r\n\r\n".encode())
        answer = await client.answer()
        assert answer.status == 405
        assert answer.values(b"allow")[0].startswith(b"GET, ")
        assert await client.ended()
    assert origin.arrived == []


@pytest.mark.parametrize("method", ["LIST", "PROPFIND", "M-SEARCH", "BREW", "get", "QUERY", "X" * 200])
async def test_any_other_method_is_the_origins_business(method: str) -> None:
    """Vault has LIST, others have others: a method is a token (RFC 9110 §9.1)."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(f"{method} / HTTP/1.1\r\nHost: g\r\n\r\n".encode())
        assert (await client.answer()).status == 200
    assert origin.arrived[0].line == f"{method} / HTTP/1.1".encode()


# --- loops
async def test_via_grows_and_a_loop_is_found() -> None:
    """Who passed the request on before us stays; our own name means that it has been here (RFC 9110 §7.6.3)."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.get("/", "Via: 1.0 first", "X: 1", "via: 1.1 second (comment)")
        assert origin.arrived[0].values(b"via") == [b"1.0 first, 1.1 second (comment), 1.1 iam-proxy-test"]
        await client.get("/", "Via: 1.1 iam-proxy-other")
        answer = await client.get("/", "Via: 1.1 a, 1.1 iam-proxy-test, 1.1 b")
    assert (answer.status, answer.values(b"proxy-status")) == (508, [b"iam-proxy; error=proxy_loop_detected"])
    assert b'"code":"loop_detected"' in answer.body
    assert len(origin.arrived) == 2


async def test_a_gateway_that_leads_to_itself() -> None:
    """The first time round ends it: one request inside one, not thousands."""
    async with gateway_to(1) as bench, bench.client() as client:
        bench.pool.upstream = upstream(bench.port)
        answer = await client.get()
        facts = await bench.facts(2)
    assert (answer.status, [fact.code for fact in facts]) == (508, ["loop_detected", None])


async def test_without_via_nothing_is_added() -> None:
    """`via = false` leaves the field as the client sent it."""
    async with (
        raw_origin() as origin,
        gateway_to(origin.port, route=lambda route: replace(route, via=False)) as bench,
        bench.client() as client,
    ):
        await client.get("/", "Via: 1.0 first")
        await client.get()
    assert [arrived.values(b"via") for arrived in origin.arrived] == [[b"1.0 first"], []]
