"""A well-behaved origin: a login and an API behind it, served by aiohttp."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web
from aiohttp.typedefs import Handler

FILE = bytes(range(256)) * 400
TEXT = b"".join(b"line %d of a text that packs well\n" % number for number in range(2000))
EVENTS = b"".join(b"id: %d\ndata: tick\n\n" % number for number in range(5))
ANSWERS = {"/file": FILE, "/chunked": FILE, "/events": EVENTS, "/text": TEXT}
BIG = bytes(range(251)) * 8360  # 2 MB that no buffer's size divides


def digest(body: bytes) -> str:
    """Return the hash by which a body is known."""
    return hashlib.sha256(body).hexdigest()


@dataclass
class Origin:
    """Gives out `live-1`, `live-2` … and accepts the last one; `known` is set once there is one.

    `dies` tells the request, if any, that is the first to find the token dead;
    `left` has the codes with which clients have closed their WebSockets.
    """

    port: int = 0
    logins: int = 0
    token: str | None = None
    refused: int = 0
    known: asyncio.Event = field(default_factory=asyncio.Event)
    dies: Callable[[web.Request], bool] | None = None
    left: asyncio.Queue[int | None] = field(default_factory=asyncio.Queue)

    def revoke(self) -> None:
        """Kill the token: the next one that works is that of a new login."""
        self.token = None

    def knows(self, request: web.BaseRequest) -> bool:
        """Return whether a request carries the live token."""
        return self.token is not None and request.headers.getall("Authorization", []) == [f"Bearer {self.token}"]

    async def login(self, request: web.Request) -> web.Response:
        """Trade keys for a token."""
        await request.read()
        self.logins += 1
        self.token = f"live-{self.logins}"
        self.known.set()
        return web.json_response({"token": self.token, "token_duration": 3600})

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse what has no live token."""
        if request.path == "/iam/login":
            return await handler(request)
        if self.dies is not None and self.dies(request):
            self.dies = self.token = None
        if not self.knows(request):
            self.refused += 1
            # aiohttp would go on waiting for the rest of a body whose connection has ended behind the answer.
            await request.release()
            return web.Response(status=401, text="no live token")
        return await handler(request)

    async def echo(self, request: web.Request) -> web.Response:
        """Tell what has come."""
        seen, length = hashlib.sha256(), 0
        async for piece in request.content.iter_any():
            seen.update(piece)
            length += len(piece)
        fact = {
            "method": request.method,
            "length": length,
            "sha256": seen.hexdigest(),
            "authorized": self.knows(request),
            "chunked": request.headers.get("Transfer-Encoding") == "chunked",
            "type": request.headers.get("Content-Type"),
        }
        return web.json_response(fact)

    async def websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Send every message back until the client closes, or says the word on which we do."""
        socket = web.WebSocketResponse(max_msg_size=2**24)
        await socket.prepare(request)
        async for message in socket:
            if message.data == request.query.get("until"):
                await socket.close(message=b"as you wish")
            elif message.type is WSMsgType.TEXT:
                await socket.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await socket.send_bytes(message.data)
        self.left.put_nowait(socket.close_code)
        return socket


async def file(_: web.Request) -> web.Response:
    """Give 100 KB with their length."""
    return web.Response(body=FILE)


async def text(_: web.Request) -> web.Response:
    """Give a text, packed for those who take that."""
    response = web.Response(body=TEXT, content_type="text/plain")
    response.enable_compression()
    return response


async def chunked(request: web.Request) -> web.StreamResponse:
    """Give the same 100 KB piece by piece, of no announced length."""
    return await streamed(request, FILE, 4096, "application/octet-stream")


async def events(request: web.Request) -> web.StreamResponse:
    """Give a few server-sent events."""
    return await streamed(request, EVENTS, len(EVENTS) // 5, "text/event-stream")


async def streamed(request: web.Request, body: bytes, size: int, content_type: str) -> web.StreamResponse:
    """Send a body in pieces."""
    response = web.StreamResponse(headers={"Content-Type": content_type})
    await response.prepare(request)
    for at in range(0, len(body), size):
        await response.write(body[at : at + size])
    await response.write_eof()
    return response


def application(origin: Origin) -> web.Application:
    """Return the routes of an origin."""
    app = web.Application(middlewares=[origin.guard])
    app.router.add_post("/iam/login", origin.login)
    app.router.add_route("*", "/echo", origin.echo)
    app.router.add_get("/file", file)
    app.router.add_get("/text", text)
    app.router.add_get("/chunked", chunked)
    app.router.add_get("/events", events)
    app.router.add_get("/ws", origin.websocket)
    return app


@contextlib.asynccontextmanager
async def listening(app: web.Application) -> AsyncIterator[int]:
    """Serve an application on a free loopback port; it sees bodies as they come."""
    runner = web.AppRunner(app, shutdown_timeout=1.0, auto_decompress=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def real_origin() -> AsyncIterator[Origin]:
    """Run an origin."""
    origin = Origin()
    async with listening(application(origin)) as origin.port:
        yield origin
