"""A whole gateway behind a forward proxy that a test writes the answers of; the origin's name only the proxy knows."""

from dataclasses import replace
from pathlib import Path

import pytest

from proxy.config.settings import Config
from proxy.core.address import Upstream
from proxy.core.egress import EgressProxy
from proxy.core.timeouts import Timeouts
from tests.fakes.forward import answering, forward_to, proxy_at, silent
from tests.fakes.origin import raw_origin
from tests.fakes.process import program
from tests.test_app import ask, client_of, config, running

pytestmark = pytest.mark.usefixtures("loop_factory")


def by_way_of(proxy: EgressProxy, connect: float = 5.0) -> Config:
    """Return a configuration with one route, without a credential, to an origin behind a proxy."""
    base = config(1)
    upstream = Upstream("http", "platform.example", 80)
    route = replace(base.routes[0], upstream=upstream, credential=None, egress=proxy, timeouts=Timeouts(connect))
    return replace(base, routes=(route,))


async def test_plain_http_too_goes_by_connect() -> None:
    """The proxy sees no request, and the origin none in absolute form; one way serves them all."""
    async with raw_origin() as origin, forward_to(origin.port) as proxy:
        async with running(by_way_of(proxy_at(proxy.port))) as app:
            assert [await ask(app, "/a?b") for _ in range(3)] == [200] * 3
        assert [head.partition(b"\r\n")[0] for head in proxy.heads] == [b"CONNECT platform.example:80 HTTP/1.1"]
        assert [arrived.line for arrived in origin.arrived] == [b"GET /a?b HTTP/1.1"] * 3
        assert origin.arrived[0].values(b"host") == [b"platform.example"]


async def test_a_client_that_leaves_while_the_proxy_thinks() -> None:
    """Ends the connection to the proxy; nothing is left in flight or counted as open."""
    async with raw_origin(silent) as proxy, running(by_way_of(proxy_at(proxy.port))) as app:
        async with client_of(app) as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
            await proxy.asked(1)
            client.reset()
        await proxy.left.wait()
        assert (proxy.connections, proxy.closed, app.gateway.in_flight) == (1, 1, 0)
        assert [(pool.open, pool.dialled) for pool in app.pools.values()] == [(0, 0)]


async def test_a_gateway_that_stops_meanwhile() -> None:
    """Likewise."""
    async with raw_origin(silent) as proxy:
        async with running(by_way_of(proxy_at(proxy.port))) as app, client_of(app) as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
            await proxy.asked(1)
            await app.stop()
            assert await client.ended()
        await proxy.left.wait()


async def test_a_proxy_that_keeps_silent() -> None:
    """502 within `timeouts.connect`."""
    async with raw_origin(silent) as proxy, running(by_way_of(proxy_at(proxy.port), 0.05)) as app:
        assert await ask(app) == 502


@pytest.mark.parametrize("said", [b"HTTP/1.1 403 Denied by Acme\r\nX-Acme: 1\r\n\r\nAcme", b"Acme", b""])
async def test_nothing_of_what_the_proxy_says_reaches_the_client(said: bytes) -> None:
    """But its status."""
    async with (
        raw_origin(answering(said)) as proxy,
        running(by_way_of(proxy_at(proxy.port))) as app,
        client_of(app) as client,
    ):
        answer = await client.get()
    assert (answer.status, b"cme" in answer.head + answer.body) == (502, False)
    assert b'"code":"connection_failed"' in answer.body


async def test_start_says_which_route_goes_by_which_proxy(tmp_path: Path) -> None:
    """Without its password."""
    (tmp_path / "iam-proxy.toml").write_text(
        '[server]\nlisten = "127.0.0.1:0"\n[admin]\nlisten = ""\n'
        '[[routes]]\npath = "/a"\nupstream = "http://platform.example"\n'
        'egress_proxy = "http://me:hunter2@127.0.0.1:1"\n'
    )
    async with program("run", folder=tmp_path) as gateway:
        fact = await gateway.event("through an egress proxy")
    assert (fact["route"], fact["proxy"], "hunter2" in str(fact)) == ("/a", "http://127.0.0.1:1", False)
