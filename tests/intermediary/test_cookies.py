"""Cookies are the caller's: the gateway keeps none, so nobody is served with another's session."""

import pytest

from tests.access.requests import send
from tests.fakes.gateway import gateway_to
from tests.fakes.origin import Visit, raw_origin

pytestmark = pytest.mark.usefixtures("loop_factory")


async def test_a_cookie_goes_back_to_the_origin_with_its_owner_alone() -> None:
    """All over one connection to the origin: who was given it, and does not send it, and another who never saw it."""

    async def gives(visit: Visit) -> None:
        while True:
            await visit.request()
            await visit.send(b"HTTP/1.1 200 OK\r\nSet-Cookie: sid=of-the-first; Path=/\r\nContent-Length: 0\r\n\r\n")

    async with (
        raw_origin(gives) as origin,
        gateway_to(origin.port) as bench,
        bench.client() as first,
        bench.client() as other,
    ):
        assert (await send(first, "GET /")).values(b"set-cookie") == [b"sid=of-the-first; Path=/"]
        await send(first, "GET /")
        await send(other, "GET /")
        await send(first, "GET /", "Cookie: sid=of-the-first")
    assert [arrived.values(b"cookie") for arrived in origin.arrived] == [[], [], [], [b"sid=of-the-first"]]
    assert {arrived.connection for arrived in origin.arrived} == {1}
