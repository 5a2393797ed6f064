"""Client keys: who has none is not answered; who has one is known by name, and the key goes no further."""

import base64
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from proxy.core.route import ClientAuthorization, Route
from tests.access.requests import KEYED, code, once, send
from tests.fakes.authority import Authority
from tests.fakes.gateway import gateway_to
from tests.fakes.origin import raw_origin

pytestmark = pytest.mark.usefixtures("loop_factory")


def basic(password: str, user: str = "anybody") -> str:
    """Return what stands in a field of the scheme Basic."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


CRON, EXCEL, OWN = basic("key-of-cron"), basic("key-of-excel"), basic("my own", "me")
ENCODED = [value.removeprefix("Basic ").encode() for value in (CRON, EXCEL)]


def keeps(route: Route) -> Route:
    """Return the route with the caller's own credential before ours."""
    return replace(route, client_authorization="keep")


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (("X-Proxy-Key: key-of-cron",), "cron"),
        (("x-PROXY-key:\tkey-of-excel ",), "excel"),
        ((f"Authorization: {EXCEL}",), "excel"),
        ((f"authorization: {CRON}", "X-Proxy-Key: key-of-cron"), "cron"),
        (("X-Proxy-Key: wrong", f"Authorization: {CRON}"), "cron"),
    ],
)
async def test_a_key_by_either_field(lines: tuple[str, ...], name: str) -> None:
    """The request is answered, the name is told; no key reaches the origin, which gets our credential."""
    async with raw_origin() as origin, gateway_to(origin.port, route=keeps, access=KEYED) as bench:
        assert (await once(bench, "GET /", *lines)).status == 200
        (fact,) = await bench.facts()
    assert fact.client == name
    assert b"key-of" not in repr(fact).encode()
    head = origin.arrived[0].head
    assert origin.arrived[0].values(b"authorization") == [b"Bearer token-1"]
    assert not any(word in head for word in (b"key-of", b"wrong", b"X-Proxy-Key", b"x-PROXY-key", *ENCODED))


@pytest.mark.parametrize(
    ("target", "lines"),
    [
        ("/", ()),
        ("/", ("X-Proxy-Key: wrong",)),
        ("/", ("X-Proxy-Key:",)),
        ("/", ("X-Proxy-Key: KEY-OF-CRON",)),
        ("/", ("X-Proxy-Key: cron",)),
        ("/", ("X-Proxy-Key: key-of-cron", "X-Proxy-Key: key-of-cron")),
        ("/", ("X-Proxy-Key: key-of-cron, key-of-excel",)),
        ("/", ("X_Proxy_Key: key-of-cron",)),
        ("/", (f"Authorization: {basic('wrong')}",)),
        ("/", (f"Authorization: {basic('', 'key-of-cron')}",)),
        ("/", ("Authorization: Bearer key-of-cron",)),
        ("/", ("Authorization: key-of-cron",)),
        ("/", (f"Authorization: {CRON}", f"Authorization: {CRON}")),
        ("/", (f"Proxy-Authorization: {CRON}",)),
        ("/", ("Cookie: x-proxy-key=key-of-cron",)),
        ("/?x-proxy-key=key-of-cron", ()),
        ("/?X-Proxy-Key=key-of-cron&client_key=key-of-cron&key=key-of-cron", ()),
    ],
)
async def test_without_a_valid_key(target: str, lines: tuple[str, ...]) -> None:
    """401 that says how to send one; a key in the query is none. The connection goes on."""
    async with raw_origin() as origin, gateway_to(origin.port, access=KEYED) as bench, bench.client() as client:
        answer = await send(client, f"GET {target}", *lines)
        assert (answer.status, code(answer)) == (401, "client_key_required")
        assert answer.values(b"www-authenticate") == [b'Basic realm="iam-proxy", charset="UTF-8"']
        assert answer.values(b"proxy-status") == [b"iam-proxy; error=http_request_denied"]
        assert answer.values(b"proxy-authenticate") == []
        assert (await send(client, "GET /", "X-Proxy-Key: key-of-cron")).status == 200
        facts = await bench.facts(2)
    assert [fact.client for fact in facts] == [None, "cron"]
    assert len(origin.arrived) == 1


async def test_a_body_behind_a_refusal_is_no_next_request() -> None:
    """A POST without a key that has come in whole costs no connection either."""
    async with raw_origin() as origin, gateway_to(origin.port, access=KEYED) as bench, bench.client() as client:
        assert (await send(client, "POST /", body=b"GET / HTTP/1.1\r\n\r\n")).status == 401
        assert (await send(client, "GET /", "X-Proxy-Key: key-of-cron")).status == 200
    assert len(origin.arrived) == 1


async def test_to_a_proxy_the_key_is_the_proxys_password() -> None:
    """An absolute target: 407, and Proxy-Authorization; Authorization is for the origin then, but no key of ours."""
    async with raw_origin() as origin, gateway_to(origin.port, route=keeps, access=KEYED) as bench:
        line = f"GET http://localhost:{bench.port}/x"
        for lines in ((), (f"Authorization: {CRON}",), (f"Proxy-Authorization: {basic('wrong')}",)):
            answer = await once(bench, line, *lines)
            assert (answer.status, code(answer)) == (407, "client_key_required")
            assert answer.values(b"proxy-authenticate") == [b'Basic realm="iam-proxy", charset="UTF-8"']
            assert answer.values(b"www-authenticate") == []
        assert (await once(bench, line, f"Proxy-Authorization: {CRON}", f"Authorization: {OWN}")).status == 200
        assert (await once(bench, line, f"Proxy-Authorization: {CRON}", f"Authorization: {EXCEL}")).status == 200
        assert (await once(bench, line, "X-Proxy-Key: key-of-excel")).status == 200
        facts = await bench.facts(6)
    assert [fact.client for fact in facts] == [None, None, None, "cron", "cron", "excel"]
    own, ours, by_field = origin.arrived
    assert own.values(b"authorization") == [OWN.encode()]
    assert ours.values(b"authorization") == by_field.values(b"authorization") == [b"Bearer token-1"]
    assert not any(arrived.values(b"proxy-authorization") for arrived in origin.arrived)


async def test_a_callers_own_credential_beside_the_key() -> None:
    """With the key in X-Proxy-Key, Authorization is what `client_authorization` says of it; the key itself never is."""
    async with (
        raw_origin() as origin,
        gateway_to(origin.port, route=keeps, access=KEYED) as bench,
        bench.client() as client,
    ):
        for own in (OWN, CRON):
            await send(client, "GET /", "X-Proxy-Key: key-of-cron", f"Authorization: {own}")
    assert [arrived.values(b"authorization") for arrived in origin.arrived] == [[OWN.encode()], [b"Bearer token-1"]]


@pytest.mark.parametrize("how", ["reject", "replace"])
async def test_a_key_as_password_is_no_credential_to_reject(how: ClientAuthorization) -> None:
    """A route that takes no credentials of callers takes their keys."""

    def change(route: Route) -> Route:
        return replace(route, client_authorization=how)

    async with raw_origin() as origin, gateway_to(origin.port, route=change, access=KEYED) as bench:
        assert (await once(bench, "GET /", f"Authorization: {CRON}")).status == 200
    assert origin.arrived[0].values(b"authorization") == [b"Bearer token-1"]


async def test_a_route_without_a_credential_gets_no_key_either() -> None:
    """`credential = "none"` forwards what is the caller's, and the key is the gateway's."""

    def change(route: Route) -> Route:
        return replace(route, credential=None)

    async with (
        raw_origin() as origin,
        gateway_to(origin.port, route=change, access=KEYED) as bench,
        bench.client() as client,
    ):
        await send(client, "GET /", f"Authorization: {CRON}", f"Proxy-Authorization: {CRON}")
        await send(client, "GET /", f"Authorization: {OWN}", "X-Proxy-Key: key-of-cron")
    assert [arrived.values(b"authorization") for arrived in origin.arrived] == [[], [OWN.encode()]]
    assert not any(b"key-of" in arrived.head or ENCODED[0] in arrived.head for arrived in origin.arrived)


async def test_where_no_keys_are_configured() -> None:
    """Nobody needs one; one that is sent all the same goes no further, and Basic is the caller's own."""
    async with raw_origin() as origin, gateway_to(origin.port, route=keeps) as bench:
        assert (await once(bench, "GET /", "X-Proxy-Key: key-of-cron", f"Authorization: {OWN}")).status == 200
        (fact,) = await bench.facts()
    assert fact.client is None
    assert origin.arrived[0].values(b"x-proxy-key") == []
    assert origin.arrived[0].values(b"authorization") == [OWN.encode()]


async def test_a_key_in_a_trailer_goes_no_further() -> None:
    """Behind a chunked body it says nothing, and does not cross."""
    trailer = b"0\r\nX-Proxy-Key: key-of-cron\r\nX: y\r\n\r\n"
    async with raw_origin() as origin, gateway_to(origin.port, access=KEYED) as bench, bench.client() as client:
        head = b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n"
        await client.send(head + b"\r\n1\r\nx\r\n" + trailer)
        assert (await client.answer()).status == 401
        await client.send(head + b"X-Proxy-Key: key-of-cron\r\n\r\n1\r\nx\r\n" + trailer)
        assert (await client.answer()).status == 200
    assert origin.arrived[0].trailers == b"X: y\r\n"


async def test_a_key_names_the_caller_before_its_certificate_does(tmp_path: Path) -> None:
    """With both, both are asked for: the log has the key's name, and the certificate's where no key came."""
    authority = Authority(tmp_path)
    certificate = SimpleNamespace(context=authority.gateway(asks=True).context())
    async with (
        raw_origin() as origin,
        gateway_to(origin.port, access=KEYED, certificate=certificate) as bench,
        bench.client(authority.client("jobs.example.org")) as client,
    ):
        assert code(await send(client, "GET /")) == "client_key_required"
        assert (await send(client, "GET /", "X-Proxy-Key: key-of-cron")).status == 200
        assert [fact.client for fact in await bench.facts(2)] == ["jobs.example.org", "cron"]
