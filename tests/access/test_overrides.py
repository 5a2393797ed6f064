"""Fields by which a request says to some origins that it is another one, or from somebody else."""

from dataclasses import replace

import pytest

from proxy.core.access import LOOPBACK, Access
from proxy.core.route import Route
from tests.access.requests import code, once
from tests.fakes.gateway import gateway_to
from tests.fakes.origin import raw_origin

pytestmark = pytest.mark.usefixtures("loop_factory")

TRUSTING = Access(trusted_proxies=LOOPBACK)


def reading(route: Route) -> Route:
    """Return the route for those who read and ask, with the login denied."""
    return replace(route, methods=frozenset((b"GET", b"HEAD", b"POST")))


def below(route: Route) -> Route:
    """Return the route for what lies below one path."""
    return replace(route, allow=(b"/api",))


@pytest.mark.parametrize(
    "name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "x-http-method-override"]
)
async def test_another_method_has_to_be_allowed_as_well(name: str) -> None:
    """Frameworks take it in the place of POST: the rule would hold for the request line alone."""
    async with raw_origin() as origin, gateway_to(origin.port, route=reading) as bench:
        for value in ("DELETE", "delete", " PUT ", "GET, DELETE", "", "GET\r\nX-HTTP-Method-Override: DELETE"):
            answer = await once(bench, "POST /", f"{name}: {value}")
            assert (answer.status, code(answer)) == (405, "method_not_allowed"), value
        assert (await once(bench, "POST /", f"{name}: get")).status == 200
    (arrived,) = origin.arrived
    assert arrived.values(name.lower().encode()) == [b"get"]


@pytest.mark.parametrize("name", ["X-Original-URL", "X-Rewrite-URL"])
@pytest.mark.parametrize(
    "value",
    [
        "/iam/login",
        "/IAM/login?x",
        "iam/login",
        "//iam//login",
        "/x/../iam/login",
        "/%69am/login;x",
        "http://platform/iam/login",
        "https://platform/iam/login#x",
        "//platform/iam/login",
    ],
)
async def test_another_target_has_to_be_allowed_as_well(name: str, value: str) -> None:
    """Some servers take the path from there: a denied one would be reached by way of an open one."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench:
        answer = await once(bench, "GET /", f"{name}: {value}")
        assert (answer.status, code(answer)) == (403, "path_denied")
        assert (await once(bench, "GET /", f"{name}: /iam/users")).status == 200
    assert [arrived.values(name.lower().encode()) for arrived in origin.arrived] == [[b"/iam/users"]]


async def test_another_target_lies_where_it_is_allowed() -> None:
    """`allow` holds for it likewise; where a route has no rules both cross as they came."""
    lines = ("X-Original-URL: /other", "X-HTTP-Method-Override: DELETE")
    async with raw_origin() as origin, gateway_to(origin.port, route=below) as bench:
        assert code(await once(bench, "GET /api", *lines)) == "path_denied"
    async with (
        raw_origin() as origin,
        gateway_to(origin.port, route=lambda route: replace(route, deny=())) as bench,
    ):
        assert (await once(bench, "GET /api", *lines)).status == 200
    assert origin.arrived[0].values(b"x-original-url") == [b"/other"]
    assert origin.arrived[0].values(b"x-http-method-override") == [b"DELETE"]


MADE_UP = ("X-Real-IP: 6.6.6.6", "X-Forwarded-Port: 1", "X-Forwarded-Prefix: /x", "X-Forwarded-Server: evil")


async def test_what_a_client_tells_of_itself_goes_no_further() -> None:
    """An origin believes it of its proxies, so the gateway would lend its own word to it."""
    spelt = ("X_Forwarded_For: 6.6.6.6", "x_forwarded_proto: https", "X_Forwarded_Host: evil")
    lines = (*MADE_UP, *spelt, "Forwarded: for=6.6.6.6;host=evil;proto=https", "X-Other: stays")
    async with raw_origin() as origin, gateway_to(origin.port) as bench:
        assert (await once(bench, "GET /", *lines)).status == 200
    (arrived,) = origin.arrived
    assert b"6.6.6.6" not in arrived.head
    assert b"evil" not in arrived.head
    assert not [
        name for name, _ in arrived.fields if name.lower().startswith((b"x_forwarded", b"forwarded", b"x-real"))
    ]
    assert [value for name, value in arrived.fields if name == b"X-Other"] == [b"stays"]


async def test_what_a_trusted_proxy_tells_of_a_client_crosses() -> None:
    """All but `Forwarded`, which would say what X-Forwarded-For says, and say it of whoever wrote it."""
    async with raw_origin() as origin, gateway_to(origin.port, access=TRUSTING) as bench:
        assert (await once(bench, "GET /", *MADE_UP, "Forwarded: for=6.6.6.6")).status == 200
    (arrived,) = origin.arrived
    assert [b"%b: %b" % field for field in arrived.fields][1:5] == [line.encode() for line in MADE_UP]
    assert arrived.values(b"forwarded") == []
