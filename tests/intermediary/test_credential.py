"""Whose credential reaches the origin (interface.md, `client_authorization` and `inject`)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from proxy.core.injection import Injection, Place
from proxy.core.route import ClientAuthorization, Route
from tests.fakes.gateway import gateway_to
from tests.fakes.origin import UNAUTHORIZED, Arrived, Visit, raw_origin

pytestmark = pytest.mark.usefixtures("loop_factory")

KEY = Injection(Place.FIELD, b"X-Api-Key", b"", b"")
QUERY = Injection(Place.QUERY, b"token", b"")
COOKIE = Injection(Place.COOKIE, b"session", b"")
SIGNATURE = (
    "Authorization: AWS4-HMAC-SHA256 Credential=AKID/20260101/eu/s3/aws4_request, SignedHeaders=host, Signature=ab"
)


def with_(injection: Injection = Injection(), own: ClientAuthorization = "replace") -> Callable[[Route], Route]:
    """Return what makes of a route one with these settings."""
    return lambda route: replace(route, injection=injection, client_authorization=own)


async def arrived(route: Callable[[Route], Route], target: str = "/", *lines: str) -> tuple[int, Arrived | None]:
    """Send a GET through a route; return the status, and what reached the origin if anything did."""
    async with raw_origin() as origin, gateway_to(origin.port, route=route) as bench, bench.client() as client:
        status = (await client.get(target, *lines)).status
        return status, origin.arrived[0] if origin.arrived else None


@pytest.mark.parametrize(
    "line",
    [
        "Authorization: Bearer mine",
        "authorization: Bearer mine",
        "AUTHORIZATION:Basic bWluZQ==",
        "Authorization: ",
        "Authorization: one\r\nAuthorization: two",
        "Authorization: Bearer mine\r\nConnection: authorization",
        "Proxy-Authorization: Basic bWluZQ==",
    ],
)
async def test_replace_takes_the_callers_own_away(line: str) -> None:
    """Whatever its spelling, one credential arrives, and it is ours."""
    status, request = await arrived(with_(), "/", line)
    assert status == 200
    assert request is not None
    assert request.values(b"authorization") == [b"Bearer token-1"]
    assert request.values(b"proxy-authorization") == []


async def test_keep_lets_the_callers_own_win() -> None:
    """The request goes as it is; without one of its own it gets ours."""
    _, request = await arrived(with_(own="keep"), "/", "Authorization: Basic bWluZQ==")
    assert request is not None
    assert request.values(b"authorization") == [b"Basic bWluZQ=="]
    _, request = await arrived(with_(own="keep"))
    assert request is not None
    assert request.values(b"authorization") == [b"Bearer token-1"]


@pytest.mark.parametrize(("credential", "sent"), [("default", [b"Bearer token-1"]), (None, [])])
async def test_an_authorization_that_connection_names_goes_no_further(
    credential: str | None, sent: list[bytes]
) -> None:
    """RFC 9110 §7.6.1: it was meant for the gateway, it says; not even `keep` passes it on."""
    _, request = await arrived(
        lambda route: replace(route, credential=credential, client_authorization="keep"),
        "/",
        "Connection: close, Authorization",
        "Authorization: Basic bWluZQ==",
    )
    assert request is not None
    assert request.values(b"authorization") == sent


async def test_a_refusal_of_the_callers_own_says_nothing_of_ours() -> None:
    """401 goes to the caller; no login, no replay."""

    async def refuses(visit: Visit) -> None:
        await visit.request()
        await visit.send(UNAUTHORIZED)

    route = with_(own="keep")
    async with raw_origin(refuses) as origin, gateway_to(origin.port, route=route) as bench, bench.client() as client:
        assert (await client.get("/", "Authorization: Bearer mine")).status == 401
    assert (len(origin.arrived), bench.source.refused) == (1, [])


@pytest.mark.parametrize(
    ("injection", "target", "line"),
    [
        (Injection(), "/", "Authorization: Bearer mine"),
        (KEY, "/", "X-Api-Key: mine"),
        (KEY, "/", "x_api_key: mine"),
        (QUERY, "/?a=b&token=mine", "X: 1"),
        (QUERY, "/?%74oken=mine", "X: 1"),
        (COOKIE, "/", "Cookie: a=b; session=mine"),
    ],
)
async def test_reject_refuses_a_request_that_has_one(injection: Injection, target: str, line: str) -> None:
    """400, at whatever place the credential belongs."""
    assert await arrived(with_(injection, "reject"), target, line) == (400, None)


async def test_a_signed_request_is_not_given_another_credential() -> None:
    """Its signature would be void: 403 signed_request, unless the route keeps it."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        answer = await client.get("/", SIGNATURE)
        assert (answer.status, b'"code":"signed_request"' in answer.body) == (403, True)
        assert (await client.get()).status == 200  # the connection is none the worse for it
    assert len(origin.arrived) == 1
    status, request = await arrived(with_(own="keep"), "/", SIGNATURE)
    assert request is not None
    assert (status, request.values(b"authorization")) == (200, [SIGNATURE.removeprefix("Authorization: ").encode()])
    assert (await arrived(with_(own="reject"), "/", SIGNATURE))[0] == 400


# --- other places than Authorization
@pytest.mark.parametrize("spelling", ["X-Api-Key", "x-api-key", "X_Api_Key", "X-API_KEY"])
async def test_a_field_of_another_name(spelling: str) -> None:
    """One line arrives; what CGI would take for the same name is gone, and Authorization is none of our business."""
    _, request = await arrived(with_(KEY), "/", f"{spelling}: mine", "Authorization: Basic bWluZQ==", "X-Api: 1")
    assert request is not None
    keys = [(name, value) for name, value in request.fields if name.lower().replace(b"_", b"-") == b"x-api-key"]
    assert keys == [(b"X-Api-Key", b"token-1")]
    assert (request.values(b"authorization"), request.values(b"x-api")) == ([b"Basic bWluZQ=="], [b"1"])


@pytest.mark.parametrize(
    ("target", "sent"),
    [
        ("/", "/?token=token-1"),
        ("/?", "/?token=token-1"),
        ("/a?b=c", "/a?b=c&token=token-1"),
        ("/a?b=c&", "/a?b=c&token=token-1"),
        ("/a?token=mine", "/a?token=token-1"),
        ("/a?token=mine&b=c", "/a?b=c&token=token-1"),
        ("/a?b=%zz&token=mine&c", "/a?b=%zz&c&token=token-1"),
        ("/a?%74oken=mine", "/a?token=token-1"),
        ("/a?%74%6F%6b%65n=mine&token", "/a?token=token-1"),
        ("/a?token=1&token=2&Token=3", "/a?Token=3&token=token-1"),
        ("/a?xtoken=1", "/a?xtoken=1&token=token-1"),
        ("/token=1", "/token=1?token=token-1"),
    ],
)
async def test_a_query_parameter(target: str, sent: str) -> None:
    """Ours is the only one, at the end; the others keep their bytes and their order."""
    _, request = await arrived(with_(QUERY), target)
    assert request is not None
    assert request.line == f"GET {sent} HTTP/1.1".encode()
    assert request.values(b"authorization") == []


async def test_a_cookie() -> None:
    """Ours is put beside the caller's others, in one field."""
    _, request = await arrived(with_(COOKIE), "/", "Cookie: a=b; session=mine;c=d", "cookie: session=x", "Cookie: e=f")
    assert request is not None
    assert request.values(b"cookie") == [b"a=b; c=d; e=f; session=token-1"]
    _, request = await arrived(with_(COOKIE))
    assert request is not None
    assert request.values(b"cookie") == [b"session=token-1"]


async def test_a_template() -> None:
    """The token stands where the template says."""
    template = Injection(Place.FIELD, b"Authorization", b'Token token="', b'"')
    _, request = await arrived(with_(template), "/", "Authorization: mine")
    assert request is not None
    assert request.values(b"authorization") == [b'Token token="token-1"']
