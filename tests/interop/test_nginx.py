"""nginx in front of the gateway, and nginx behind it, with and without TLS."""

import asyncio
import contextlib
import gzip
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from proxy.config.settings import Config
from proxy.core.address import Upstream
from proxy.core.credential import Verification
from tests.core.secrets import Given, credential
from tests.fakes.nginx import certificate, nginx
from tests.interop.origin import ANSWERS, BIG, FILE, TEXT, Origin, digest, real_origin
from tests.interop.stage import Stage, httpx_client, in_front_of, staged
from tests.test_app import config

PIECE = 10_000

KEPT = 'proxy_pass http://gateway; proxy_http_version 1.1; proxy_set_header Connection "";'
WAYS = {
    "HTTP/1.0": "proxy_pass http://gateway;",
    "HTTP/1.1": KEPT,
    "unbuffered": KEPT + "proxy_buffering off; proxy_request_buffering off;",
}
SWITCHING = """proxy_pass http://gateway; proxy_http_version 1.1;
    proxy_set_header Connection upgrade; proxy_set_header Upgrade $http_upgrade;"""

BEHIND = """
location / {{ proxy_pass http://127.0.0.1:{port}; proxy_http_version 1.1; }}
location /small {{ client_max_body_size 1k; proxy_pass http://127.0.0.1:{port}; }}
location /second {{
    if ($http_authorization != "Bearer live-2") {{ return 401; }}
    proxy_pass http://127.0.0.1:{port}/echo;
}}
location /static/ {{ if ($http_authorization !~ "^Bearer live-") {{ return 401; }} root {root}; }}
location /packed/ {{
    if ($http_authorization !~ "^Bearer live-") {{ return 401; }}
    gzip on; gzip_types *; gzip_proxied any; alias {root}/static/;
}}
"""


async def pieces() -> AsyncIterator[bytes]:
    """Give a large body in pieces."""
    for at in range(0, len(BIG), PIECE):
        yield BIG[at : at + PIECE]


async def raw(client: httpx.AsyncClient, path: str, **fields: str) -> tuple[httpx.Response, bytes]:
    """Return an answer and its body as it came, packed or not."""
    async with client.stream("GET", path, headers=fields) as answer:
        return answer, b"".join([piece async for piece in answer.aiter_raw()])


# --- client, nginx, gateway, origin
@contextlib.asynccontextmanager
async def in_front(folder: Path, way: str, *, tls: bool = False) -> AsyncIterator[tuple[Stage, httpx.AsyncClient]]:
    """Run nginx in front of a gateway, and a client of it."""
    ca = certificate(folder) if tls else None
    async with staged() as stage:
        upstream = f"upstream gateway {{ server {stage.base.removeprefix('http://')}; keepalive 8; }}"
        async with (
            nginx(folder, f"location / {{ {way} }}", upstream, tls=tls) as port,
            httpx_client(port, ca) as client,
        ):
            yield stage, client


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("way", WAYS)
async def test_nginx_in_front(tmp_path: Path, way: str, tls: bool) -> None:
    """Answers of every framing come whole, refusals too, and bodies arrive whole though the token dies."""
    async with in_front(tmp_path, WAYS[way], tls=tls) as (stage, client):
        for path, body in ANSWERS.items():
            assert (await client.get(path)).content == body
        assert [(await client.get("/nothing")).status_code, (await client.head("/file")).status_code] == [404, 200]
        for content in (BIG, pieces()):
            stage.origin.revoke()
            fact = (await client.post("/echo", content=content)).json()
            assert (fact["length"], fact["sha256"]) == (len(BIG), digest(BIG))
        assert stage.origin.refused == 2


@pytest.mark.parametrize("way", ["HTTP/1.1", "unbuffered"])
async def test_nginx_keeps_its_connection(tmp_path: Path, way: str) -> None:
    """Requests one after the other need one connection to the gateway."""
    async with in_front(tmp_path, WAYS[way]) as (stage, client):
        for path in [*ANSWERS, "/nothing"] * 3:
            await client.get(path)
            await client.post("/echo", content=FILE)
        assert len(stage.app.clients) == 1


async def test_nginx_passes_a_packed_answer(tmp_path: Path) -> None:
    """What the origin packed comes packed."""
    async with in_front(tmp_path, KEPT) as (_, client):
        answer, body = await raw(client, "/text", **{"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body) == TEXT


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_a_websocket_through_nginx_and_the_gateway(tmp_path: Path, tls: bool) -> None:
    """Messages come back, and the close is seen by both ends."""
    async with in_front(tmp_path, SWITCHING, tls=tls) as (stage, client):
        url = str(client.base_url.join("/ws")).replace("http", "ws", 1)
        context = ssl.create_default_context(cafile=tmp_path / "ca.pem") if tls else None
        async with connect(url, proxy=None, max_size=2**24, ssl=context) as socket:
            for message in ("text", BIG):
                await socket.send(message)
                assert await socket.recv() == message
        assert await stage.origin.left.get() == 1000


# --- client, gateway, nginx, origin
def settings(port: int, ca: Path | None) -> Config:
    """Return the configuration for an nginx, over TLS if there is an authority: the login goes there too."""
    plain = config(port)
    if ca is None:
        return plain
    trusted = Verification(str(ca))
    route = replace(plain.routes[0], upstream=Upstream("https", "localhost", port), verification=trusted)
    recipe = credential(f"https://localhost:{port}/iam/login", None, Given("key"), Given("secret")).recipe
    trusting = replace(plain.credentials["default"], recipe=recipe, verification=trusted)
    return replace(plain, routes=(route,), credentials={"default": trusting})


@dataclass
class Behind:
    """nginx in front of an origin and behind a gateway: clients of the gateway, and of nginx itself."""

    origin: Origin
    client: httpx.AsyncClient
    nginx: httpx.AsyncClient


@contextlib.asynccontextmanager
async def behind(folder: Path, *, tls: bool = False) -> AsyncIterator[Behind]:
    """Run nginx with two static files and an origin behind a gateway."""
    ca = certificate(folder) if tls else None
    (folder / "static").mkdir()
    (folder / "static" / "file").write_bytes(FILE)
    (folder / "static" / "text").write_bytes(TEXT)
    async with (
        real_origin() as origin,
        nginx(folder, BEHIND.format(port=origin.port, root=folder), tls=tls) as port,
        in_front_of(origin, settings(port, ca)) as stage,
        httpx_client(stage.port) as client,
        httpx_client(port, ca) as direct,
    ):
        yield Behind(origin, client, direct)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_nginx_behind(tmp_path: Path, tls: bool) -> None:
    """Static files and answers of every framing come whole, and bodies arrive whole though the token dies."""
    async with behind(tmp_path, tls=tls) as stage:
        for path, body in (ANSWERS | {"/static/file": FILE, "/static/text": TEXT}).items():
            assert (await stage.client.get(path)).content == body
        assert (await stage.client.get("/static/none")).status_code == 404
        for content in (BIG, pieces()):
            stage.origin.revoke()
            fact = (await stage.client.post("/echo", content=content)).json()
            assert (fact["length"], fact["sha256"]) == (len(BIG), digest(BIG))
        assert (stage.origin.refused, stage.origin.logins) == (2, 3)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_packed_bytes_come_as_nginx_made_them(tmp_path: Path, tls: bool) -> None:
    """A packed answer in chunks has the very bytes that nginx gives to those who ask it directly."""
    packed = {"Accept-Encoding": "gzip"}
    async with behind(tmp_path, tls=tls) as stage:
        answer, body = await raw(stage.client, "/packed/text", **packed)
        _, direct = await raw(stage.nginx, "/packed/text", Authorization=f"Bearer {stage.origin.token}", **packed)
    assert (answer.headers["Content-Encoding"], answer.headers["Transfer-Encoding"]) == ("gzip", "chunked")
    assert (body, gzip.decompress(body)) == (direct, TEXT)


async def test_parts_of_a_file_and_nothing_new(tmp_path: Path) -> None:
    """206 with one part or several, 416 and 304 come as nginx means them, and leave the connection usable."""
    async with behind(tmp_path) as stage:
        tag = (await stage.client.get("/static/file")).headers["ETag"]
        part = await stage.client.get("/static/file", headers={"Range": "bytes=1000-1999"})
        parts = await stage.client.get("/static/file", headers={"Range": "bytes=0-9,20-29"})
        none = await stage.client.get("/static/file", headers={"Range": "bytes=999999-"})
        same = await stage.client.get("/static/file", headers={"If-None-Match": tag})
        assert (await stage.client.get("/static/file")).content == FILE
    assert [answer.status_code for answer in (part, parts, none, same)] == [206, 206, 416, 304]
    assert (part.content, same.content) == (FILE[1000:2000], b"")
    assert FILE[20:30] in parts.content


@pytest.mark.parametrize(("path", "status"), [("/small", 413), ("/static/file", 405)])
@pytest.mark.parametrize("chunks", [False, True], ids=["length", "chunks"])
async def test_nginx_refuses_a_body_before_it_has_read_it(tmp_path: Path, path: str, status: int, chunks: bool) -> None:
    """Its answer reaches a client that is still sending, and the next request is served."""
    async with behind(tmp_path) as stage:
        for _ in range(3):
            answer = await stage.client.post(path, content=pieces() if chunks else BIG)
            assert answer.status_code == status
            assert (await stage.client.get("/static/file")).content == FILE


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_nginx_refuses_a_token_before_it_has_read_the_body(tmp_path: Path, tls: bool) -> None:
    """The body is sent again from its beginning, whole, and the client does not notice."""
    async with behind(tmp_path, tls=tls) as stage:
        answers = [await stage.client.put("/second", content=content) for content in (BIG, pieces(), BIG)]
        assert stage.origin.logins == 2
    assert [answer.status_code for answer in answers] == [200] * 3
    assert {answer.json()["sha256"] for answer in answers} == {digest(BIG)}


async def test_many_clients_of_nginx_at_once(tmp_path: Path) -> None:
    """Answers do not get mixed up on the connections that are used again."""
    async with behind(tmp_path) as stage:
        for _ in range(3):
            asked = (stage.client.get(path) for path in ("/static/file", "/packed/text") * 10)
            bodies = [answer.content for answer in await asyncio.gather(*asked)]
            assert bodies == [FILE, TEXT] * 10
