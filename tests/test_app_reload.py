"""A whole gateway whose configuration changes while it serves."""

import asyncio
import gc
import weakref
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from proxy.app import App
from proxy.config.secrets import Literal
from proxy.config.settings import Config, Server, Tokens
from proxy.core.access import Access, networks
from proxy.core.address import TcpAddress, UnixAddress
from proxy.core.apikey import ApikeyRecipe
from proxy.core.credential import Credential, Verification
from proxy.core.injection import Injection, Place
from proxy.core.limits import Limits
from proxy.core.logout import PlatformLogout
from proxy.core.store import StoreFile
from proxy.core.timeouts import Timeouts
from proxy.core.tls_events import CertificateChanged, TlsEvent
from proxy.core.token_events import LoginFailed, LoginSucceeded
from proxy.errors import StartError
from proxy.observers import Observers
from proxy.wire.client import ClientConnection
from tests.fakes.authority import Authority
from tests.fakes.gateway import RawClient
from tests.fakes.origin import OK, Visit, raw_origin
from tests.fakes.platform import APIKEY, SECRETKEY, Platform
from tests.fakes.ports import free_port
from tests.test_app import Seen, ask, client_of, config, running

pytestmark = pytest.mark.usefixtures("loop_factory")


class Slow(Platform):
    """A platform that answers what is asked for at /slow once the gate of answers is open; logouts are counted."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = asyncio.Event()
        self.logouts = 0
        self.dead: set[str] = set()

    async def visit(self, visit: Visit) -> None:
        """Serve one connection."""
        while True:
            arrived = await visit.request()
            if arrived.line.startswith(b"POST /iam/login"):
                await visit.send(await self.login(arrived))
            elif arrived.line.startswith(b"DELETE /iam/logout"):
                self.logouts += 1
                await visit.send(OK)
            else:
                if arrived.line.startswith(b"GET /slow"):
                    await self.answers.wait()
                await visit.send(OK if self.knows(arrived) else b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")


def with_credential(base: Config, credential: Credential) -> Config:
    """Return a configuration whose routes use this credential."""
    routes = tuple(replace(route, credential=credential.name) for route in base.routes)
    return replace(base, credentials={credential.name: credential}, routes=routes)


def keyed(base: Config, key: str = APIKEY, secret: str = SECRETKEY, path: str = "/iam/login") -> Config:
    """Return a configuration that logs in with these keys, which stand in it, at this path."""
    (old,) = base.credentials.values()
    assert isinstance(old.recipe, ApikeyRecipe)
    host = old.recipe.url.removesuffix("/iam/login")
    return with_credential(base, replace(old, recipe=ApikeyRecipe(host + path, Literal(key), Literal(secret))))


async def live(app: App) -> None:
    """Wait until every credential has a token."""
    while app.generation.without_token:  # noqa: ASYNC110  the gateway tells nobody, it is looked at
        await asyncio.sleep(0)


async def until(condition: object) -> None:
    """Let the loop turn until it is so."""
    assert callable(condition)
    while not condition():  # noqa: ASYNC110  likewise
        await asyncio.sleep(0)


async def test_the_same_again_costs_nothing() -> None:
    """Twenty reloads: no login, and both the client's connection and the origin's stay."""
    platform = Platform()
    async with raw_origin(platform.visit) as origin, running(config(origin.port)) as app, client_of(app) as client:
        assert (await client.get()).status == 200
        pool, source = app.ways[0].pool, app.sources["default"]
        for _ in range(20):
            await app.reload(replace(app.config))
            assert (await client.get()).status == 200
        assert (platform.logins, app.ways[0].pool, app.sources["default"]) == (1, pool, source)
        assert (pool.dialled, pool.open) == (1, 1)


async def test_a_request_under_way_ends_as_it_began() -> None:
    """Its route is gone when its answer comes; the next one on its connection is judged by the new routes."""
    platform = Slow()
    async with raw_origin(platform.visit) as origin, running(config(origin.port)) as app, client_of(app) as client:
        await live(app)
        await client.send(b"GET /slow HTTP/1.1\r\nHost: g\r\n\r\n")
        await until(lambda: any(b"/slow" in each.line for each in origin.arrived))
        other = replace(app.config.routes[0], path=b"/other")
        await app.reload(replace(app.config, routes=(other,)))
        platform.answers.set()
        assert (await client.answer()).status == 200
        assert (await client.get("/slow")).status == 404
        assert (await client.get("/other")).status == 200


async def test_a_refusal_after_its_credential_has_gone_is_still_mended() -> None:
    """The old source logs in for the request that began with it, and ends behind its answer."""
    platform = Slow()
    async with raw_origin(platform.visit) as origin, running(config(origin.port)) as app, client_of(app) as client:
        await live(app)
        old = app.sources["default"]
        await client.send(b"GET /slow HTTP/1.1\r\nHost: g\r\n\r\n")
        await until(lambda: any(b"/slow" in each.line for each in origin.arrived))
        await app.reload(replace(app.config, routes=(replace(app.config.routes[0], credential=None),)))
        assert not app.sources
        platform.live.clear()
        platform.answers.set()
        assert (await client.answer()).status == 200
        assert platform.logins == 2
        await until(lambda: not app._retiring)
        assert old.state.next_attempt is None
        assert (await client.get()).status == 401


async def test_other_keys_are_a_rotation() -> None:
    """The old token serves until the new keys have got one; the source is the same, with its budget."""
    platform = Platform()
    async with raw_origin(platform.visit) as origin, running(keyed(config(origin.port))) as app:
        await live(app)
        source = app.sources["default"]
        platform.gate = asyncio.Event()
        await app.reload(keyed(app.config, secret="another-secret"))
        assert app.sources["default"] is source
        await until(lambda: platform.logins == 2)
        assert await ask(app) == 200
        platform.gate.set()


async def test_keys_that_are_wrong_cost_no_request() -> None:
    """It is told, and the old token serves on; keys that are put right are tried at once."""
    platform, seen = Platform(), Seen()
    async with raw_origin(platform.visit) as origin, running(keyed(config(origin.port)), seen) as app:
        await live(app)
        right = app.config
        await app.reload(keyed(right, key="mistyped"))
        await until(lambda: isinstance(seen.tokens[-1], LoginFailed))
        assert await ask(app) == 200
        await app.reload(right)
        await until(lambda: isinstance(seen.tokens[-1], LoginSucceeded))
        assert (await ask(app), platform.logins) == (200, 3)


async def test_another_login_is_tried_before_it_is_relied_on() -> None:
    """Requests go on with the old token until there is one of the new login."""
    platform = Platform()
    async with raw_origin(platform.visit) as origin, running(keyed(config(origin.port))) as app:
        await live(app)
        old = app.sources["default"]
        platform.gate = asyncio.Event()
        reload = asyncio.create_task(app.reload(keyed(app.config, path="/iam/login?v=2")))
        await until(lambda: platform.logins == 2)
        assert await ask(app) == 200
        assert (app.sources["default"] is old, reload.done()) == (True, False)
        platform.gate.set()
        await reload
        assert app.sources["default"] is not old
        assert await ask(app) == 200
        assert platform.logins == 2


async def test_another_login_that_gives_no_token_is_no_mistake_of_the_file() -> None:
    """The file holds: its routes say that there is no token, and others are served."""
    platform = Platform()
    async with raw_origin(platform.visit) as origin, running(keyed(config(origin.port))) as app:
        await live(app)
        bad = keyed(app.config, key="mistyped", path="/iam/login?v=2")
        open_route = replace(bad.routes[0], path=b"/open", credential=None)
        await app.reload(replace(bad, routes=(*bad.routes, open_route)))
        assert app.generation.without_token == ["default"]
        assert (await ask(app), await ask(app, "/open")) == (502, 401)


async def test_reloads_do_not_refill_the_login_budget() -> None:
    """Ten configurations, each with another login that refuses the keys: six logins, as in any minute."""
    platform = Platform()
    async with raw_origin(platform.visit) as origin, running(keyed(config(origin.port), key="wrong")) as app:
        for number in range(5):
            here = keyed(app.config, key="wrong", path=f"/iam/login?v={number}")
            await app.reload(here)
            await app.reload(replace(here, routes=(replace(here.routes[0], credential=None),)))
            await app.reload(keyed(here, key="wrong", path=f"/iam/login?w={number}"))
        assert platform.logins == 6


async def test_a_credential_under_another_name_keeps_its_token() -> None:
    """The same keys at the same login: no login, and the session is not ended."""
    platform = Slow()
    async with raw_origin(platform.visit) as origin:
        base = keyed(config(origin.port))
        logout = PlatformLogout(f"http://127.0.0.1:{origin.port}/iam/logout")
        one = replace(base.credentials["default"], logout=logout)
        async with running(with_credential(base, one)) as app:
            await live(app)
            await app.reload(with_credential(app.config, replace(one, name="other")))
            assert await ask(app) == 200
            await until(lambda: not app._retiring)
            assert (list(app.sources), platform.logins, platform.logouts) == (["other"], 1, 0)
            await app.reload(replace(app.config, routes=(replace(app.config.routes[0], credential=None),)))
            await until(lambda: platform.logouts)
            await app.reload(with_credential(app.config, replace(one, name="other")))
            assert (await ask(app), platform.logins, platform.logouts) == (200, 2, 1)


async def test_addresses_come_and_go(tmp_path: Path) -> None:
    """What stays keeps its socket; who came in at one that goes is told to leave with the next answer."""
    platform = Slow()
    path = str(tmp_path / "s")
    async with (
        raw_origin(platform.visit) as origin,
        running(config(origin.port)) as app,
        client_of(app) as client,
        client_of(app) as idle,
    ):
        await live(app)
        assert (await idle.get()).values(b"connection") == []
        (kept,) = app._doors
        await app.reload(replace(app.config, server=Server((*app.config.server.listen, UnixAddress(path)))))
        assert app._doors[0] is kept
        reader, writer = await asyncio.open_unix_connection(path)
        by_socket = RawClient(reader, writer)
        assert (await by_socket.get()).status == 200
        await client.send(b"GET /slow HTTP/1.1\r\nHost: g\r\n\r\n")
        await until(lambda: any(b"/slow" in each.line for each in origin.arrived))
        await app.reload(replace(app.config, server=Server((UnixAddress(path),))))
        platform.answers.set()
        answered = await client.answer()
        assert (answered.status, answered.values(b"connection")) == (200, [b"close"])
        answered = await idle.get()
        assert (answered.status, answered.values(b"connection")) == (200, [b"close"])
        assert (await by_socket.get()).status == 200
        assert isinstance(kept.address, TcpAddress)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", kept.address.port)
        by_socket.close()
        await writer.wait_closed()


async def test_a_port_that_is_taken_refuses_the_whole_reload() -> None:
    """Nothing has changed: neither routes nor addresses, and the socket that could be had is closed again."""
    platform = Platform()
    port = free_port()
    async with raw_origin(platform.visit) as origin, running(config(origin.port)) as app:
        before = app.generation
        wanted = (*app.config.server.listen, TcpAddress("127.0.0.1", port), TcpAddress("127.0.0.1", origin.port))
        with pytest.raises(StartError, match=rf"cannot listen on 127\.0\.0\.1:{origin.port}"):
            await app.reload(replace(app.config, routes=(), server=Server(wanted)))
        assert (app.generation is before, await ask(app), len(app.addresses)) == (True, 200, 1)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_one_port_and_another_address() -> None:
    """The kernel refuses that while we listen ourselves; whose fault it is, and what to do, is said."""
    async with raw_origin(Platform().visit) as origin, running(config(origin.port)) as app:
        (address,) = app.addresses
        assert isinstance(address, TcpAddress)
        everywhere = TcpAddress("0.0.0.0", address.port)
        with pytest.raises(StartError, match=r"this gateway listens on 127\.0\.0\.1:\d+, .* takes a restart"):
            await app.reload(replace(app.config, server=Server((everywhere,))))


async def test_a_file_that_is_not_there_refuses_the_reload(tmp_path: Path) -> None:
    """The authorities of an origin, and the key of a caller."""
    async with raw_origin(Platform().visit) as origin, running(config(origin.port)) as app:
        route = app.config.routes[0]
        upstream = replace(route.upstream, scheme="https")
        strange = replace(route, upstream=upstream, verification=Verification(str(tmp_path / "no.pem")))
        with pytest.raises(StartError, match=r"ca_file .*no\.pem"):
            await app.reload(replace(app.config, routes=(strange,)))
        assert await ask(app) == 200


async def test_who_may_call_changes_for_connections_that_are_open() -> None:
    """Networks, keys, names and origins: the next request is judged by the new rules."""
    async with raw_origin(Platform().visit) as origin, running(config(origin.port)) as app, client_of(app) as client:
        assert (await client.get()).status == 200
        await app.reload(replace(app.config, access=Access(client_keys={"cron": Literal("k3y")})))
        assert (await client.get()).status == 401
        assert (await client.get("/", "X-Proxy-Key: k3y")).status == 200
        await app.reload(replace(app.config, access=Access(cors_origins=frozenset({b"https://a.example"}))))
        answered = await client.get("/", "Origin: https://a.example")
        assert (answered.status, answered.values(b"access-control-allow-origin")) == (200, [b"https://a.example"])
        await app.reload(replace(app.config, access=Access(allowed_hosts=frozenset({b"a.example"}))))
        assert b"a.example" in app.hosts.names
        await app.reload(replace(app.config, access=Access(networks("10.0.0.0/8"))))
        assert (await client.get()).status == 403


async def test_what_a_request_began_with_holds_for_its_answer_and_its_end() -> None:
    """Origins that were listed, and fields that no trailer may have."""
    platform = Slow()
    async with raw_origin(platform.visit) as origin:
        base = config(origin.port)
        own = Injection(Place.FIELD, b"X-Api-Key")
        listed = Access(cors_origins=frozenset({b"https://a.example"}))
        other = replace(base, access=listed, routes=(replace(base.routes[0], credential=None, injection=own),))
        async with running(other) as app, client_of(app) as page, client_of(app) as sender:
            await page.send(b"GET /slow HTTP/1.1\r\nHost: g\r\nOrigin: https://a.example\r\n\r\n")
            await sender.send(b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
            await until(lambda: len(origin.heads) == 2)
            await app.reload(base)
            platform.answers.set()
            assert (await page.answer()).values(b"access-control-allow-origin") == [b"https://a.example"]
            await sender.send(b"0\r\nX-Api-Key: evil\r\nX-Sum: 1\r\n\r\n")
            await until(lambda: any(b"POST / " in each.line for each in origin.arrived))
            (posted,) = (each for each in origin.arrived if b"POST / " in each.line)
            assert posted.trailers == b"X-Sum: 1\r\n"


async def test_limits_and_timeouts_hold_from_the_next_request() -> None:
    """Of connections that are open, too."""
    async with raw_origin(Platform().visit) as origin, running(config(origin.port)) as app, client_of(app) as client:
        long = "X: " + "x" * 4000
        assert (await client.get("/", long)).status == 200
        limits = Limits(max_header_size=2048, max_body_size=10, max_connections=7, max_origin_connections=3)
        await app.reload(replace(app.config, limits=limits, timeouts=Timeouts(keep_alive=1.0)))
        assert (app.clients.limit, app.ways[0].limits) == (7, limits)
        assert [cast("ClientConnection", each).timeouts.keep_alive for each in app.clients] == [1.0]
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 11\r\n\r\nhello world")
        assert (await client.answer()).status == 413
        async with client_of(app) as other:
            assert (await other.get("/", long)).status == 431


async def test_tls_is_turned_on_and_off(tmp_path: Path) -> None:
    """On the socket that is there; whoever came in by the rules before leaves, other certificates disturb nobody."""
    authority = Authority(tmp_path)
    async with raw_origin(Platform().visit) as origin, running(config(origin.port)) as app, client_of(app) as plain:
        (address,) = app.addresses
        assert isinstance(address, TcpAddress)
        assert (await plain.get()).status == 200
        files = authority.gateway()
        server = replace(app.config.server, tls=files)
        await app.reload(replace(app.config, server=server))
        assert await plain.ended()
        async with RawClient.to(address.port, authority.trusting()) as secure:
            assert (await secure.get()).status == 200
            (tmp_path / "other").mkdir()
            other = replace(authority, folder=tmp_path / "other")
            await app.reload(replace(app.config, server=replace(server, tls=other.gateway())))
            assert (await secure.get()).status == 200
            await app.reload(replace(app.config, server=replace(server, tls=authority.gateway(asks=True))))
            assert await secure.ended()
        async with RawClient.to(address.port, authority.client("me@host")) as known:
            assert (await known.get()).status == 200
            await app.reload(replace(app.config, server=replace(server, tls=None)))
            assert await known.ended()
        assert await ask(app) == 200


async def test_files_of_the_certificate_are_looked_at(tmp_path: Path) -> None:
    """At each reload, without waiting for the time to look at them."""
    authority, told = Authority(tmp_path), asyncio.Queue[TlsEvent]()
    async with raw_origin(Platform().visit) as origin:
        base = config(origin.port)
        settings = replace(base, server=replace(base.server, tls=authority.gateway()))
        app = App(settings, Observers(lambda _: None, lambda _: None, told.put_nowait))
        try:
            await app.start()
            authority.gateway()
            await app.reload(replace(settings))
            assert isinstance(await told.get(), CertificateChanged)
        finally:
            await app.stop()


async def test_another_authority_for_an_origin(tmp_path: Path) -> None:
    """Its file holds something else: connections are made anew, by what it says now."""
    authority = Authority(tmp_path)
    authority.gateway()
    file = tmp_path / "ca.pem"
    base = config(9)
    route = replace(base.routes[0], credential=None, verification=Verification(str(file)))
    route = replace(route, upstream=replace(route.upstream, scheme="https"))
    async with running(replace(base, routes=(route,))) as app:
        pool = app.ways[0].pool
        await app.reload(replace(app.config))
        assert app.ways[0].pool is pool
        Authority(tmp_path).gateway()
        await app.reload(replace(app.config))
        assert app.ways[0].pool is not pool


async def test_another_store(tmp_path: Path) -> None:
    """The token stays; the next login leaves its token there."""
    platform = Platform()
    async with raw_origin(platform.visit) as origin, running(config(origin.port)) as app:
        await live(app)
        file = tmp_path / "tokens"
        await app.reload(replace(app.config, tokens=Tokens(StoreFile(str(file)))))
        assert (await ask(app), platform.logins, file.exists()) == (200, 1, False)
        platform.live.clear()
        assert (await ask(app), platform.logins, file.exists()) == (200, 2, True)
        await app.reload(replace(app.config, tokens=Tokens()))
        assert (await ask(app), platform.logins) == (200, 2)


async def test_a_reload_that_is_cancelled_changes_nothing() -> None:
    """While it waits for the login of what is new; nothing of it is left."""
    platform = Platform()
    async with raw_origin(platform.visit) as origin, running(keyed(config(origin.port))) as app:
        await live(app)
        before = app.generation
        platform.gate = asyncio.Event()
        server = replace(app.config.server, listen=(*app.config.server.listen, TcpAddress("127.0.0.1", 0)))
        wanted = replace(keyed(app.config, path="/iam/login?v=2"), server=server)
        reload = asyncio.create_task(app.reload(wanted))
        await until(lambda: platform.logins == 2)
        reload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reload
        platform.gate.set()
        assert (app.generation is before, len(app.addresses), await ask(app)) == (True, 1, 200)


@pytest.mark.parametrize("turns", [0, 1, 5])
async def test_a_gateway_that_stops_while_an_old_source_waits(turns: int) -> None:
    """However soon behind the reload: nothing of the generation before is left."""
    platform = Slow()
    async with raw_origin(platform.visit) as origin, running(config(origin.port)) as app, client_of(app) as client:
        await live(app)
        old = app.sources["default"]
        await client.send(b"GET /slow HTTP/1.1\r\nHost: g\r\n\r\n")
        await until(lambda: any(b"/slow" in each.line for each in origin.arrived))
        await app.reload(replace(app.config, routes=(replace(app.config.routes[0], credential=None),)))
        for _ in range(turns):
            await asyncio.sleep(0)
        assert len(app._retiring) == 1
        await app.stop()
        assert (app._retiring, old.state.next_attempt) == ({}, None)


async def test_what_is_over_is_forgotten() -> None:
    """A generation goes when the next is in force: nothing holds on to it."""
    async with raw_origin(Platform().visit) as origin, running(config(origin.port)) as app, client_of(app) as client:
        assert (await client.get()).status == 200
        await app.reload(replace(app.config))
        gone = weakref.ref(app.generation)
        await app.reload(replace(app.config, limits=Limits(max_in_flight=5)))
        assert (await client.get()).status == 200
        await until(lambda: not app._retiring)
        gc.collect()
        assert gone() is None
