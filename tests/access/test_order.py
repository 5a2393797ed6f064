"""The order of judgement: form, Host, peer, key, cross-site, route, method, path, overload."""

from dataclasses import replace

import pytest

from proxy.core.access import Access
from proxy.core.limits import Limits
from proxy.core.route import Route
from tests.access.requests import KEYED, code, send
from tests.fakes.gateway import gateway_to
from tests.fakes.origin import raw_origin

pytestmark = pytest.mark.usefixtures("loop_factory")

NOBODY = replace(KEYED, allow=())
FOREIGN = "Origin: https://evil.example"
KEY = "X-Proxy-Key: key-of-cron"


def strict(route: Route) -> Route:
    """Return the route with a rule of each kind."""
    return replace(route, path=b"/api", methods=frozenset((b"GET",)), deny=(b"/api/secret",))


@pytest.mark.parametrize(
    ("access", "line", "host", "lines", "expected"),
    [
        (NOBODY, "GET /#x", "evil.example", (FOREIGN,), "bad_request"),
        (NOBODY, "DELETE /x", "evil.example", (FOREIGN,), "host_not_allowed"),
        (NOBODY, "DELETE /x", "g", (FOREIGN,), "client_not_allowed"),
        (KEYED, "DELETE /x", "g", (FOREIGN,), "client_key_required"),
        (KEYED, "DELETE /x", "g", (FOREIGN, KEY), "cross_site"),
        (KEYED, "DELETE /x", "g", (KEY,), "no_route"),
        (KEYED, "DELETE /api/secret", "g", (KEY,), "method_not_allowed"),
        (KEYED, "GET /api/secret", "g", (KEY,), "path_denied"),
        (KEYED, "GET /api/open", "g", (KEY,), "overloaded"),
    ],
)
async def test_the_first_that_is_wrong_is_said(
    access: Access, line: str, host: str, lines: tuple[str, ...], expected: str
) -> None:
    """One wrong thing less each time, from a request where everything is wrong."""
    limits = Limits(max_in_flight=0)
    async with (
        raw_origin() as origin,
        gateway_to(origin.port, route=strict, limits=limits, access=access) as bench,
        bench.client() as client,
    ):
        answer = await send(client, line, *lines, host=host)
        assert code(answer) == expected
        # Only malformed HTTP costs the connection.
        assert answer.values(b"connection") == ([b"close"] if expected == "bad_request" else [])
        (fact,) = await bench.facts()
    assert (fact.code, fact.client) == (expected, "cron" if KEY in lines else None)
    assert origin.arrived == []


async def test_options_for_the_gateway_itself_is_judged_likewise() -> None:
    """It tells nothing to those who may not call."""
    async with raw_origin() as origin, gateway_to(origin.port, access=KEYED) as bench, bench.client() as client:
        assert code(await send(client, "OPTIONS *", host="evil.example")) == "host_not_allowed"
        assert code(await send(client, "OPTIONS *")) == "client_key_required"
        assert code(await send(client, "OPTIONS *", FOREIGN, KEY)) == "cross_site"
        assert (await send(client, "OPTIONS *", KEY)).status == 204
        facts = await bench.facts(4)
    assert [fact.status for fact in facts] == [421, 401, 403, 204]
