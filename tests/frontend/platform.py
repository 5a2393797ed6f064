"""A platform as pages use it, and a server that has nothing but a page."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import web

from tests.interop.origin import Origin, listening

# What a platform sets that has a domain and speaks TLS.
DOMAIN = "eu.dataplatform.ovh.net"
GOODBYE = 4002


@dataclass
class Platform(Origin):
    """The platform `name`: sessions by cookie behind a token, events as they are put out, a WebSocket.

    `asked` are the requests that got past its guard; `resumed` what each stream of events was said to go on behind;
    `out` is what the streams send next, None for their end.
    """

    name: str = "platform"
    asked: list[tuple[str, str]] = field(default_factory=list)
    resumed: list[str | None] = field(default_factory=list)
    out: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)

    async def login(self, request: web.Request) -> web.Response:
        """Trade keys for a token that no other platform gives out."""
        await request.read()
        self.logins += 1
        self.token = f"token-of-{self.name}-{self.logins}"
        self.known.set()
        return web.json_response({"token": self.token, "token_duration": 3600})

    async def start(self, request: web.Request) -> web.Response:
        """Give an empty page, with a cookie that names no path."""
        answer = await page(request)
        answer.headers.add("Set-Cookie", f"start={self.name}")
        return answer

    async def data(self, request: web.Request) -> web.Response:
        """Tell who answers, and what has come."""
        self.asked.append((request.method, request.path))
        fact = {"platform": self.name, "sent": await request.text(), "cookies": dict(request.cookies)}
        return web.json_response(fact, headers={"X-Total": "5"})

    async def session(self, request: web.Request) -> web.Response:
        """Begin a session, as a platform of that domain does behind TLS; and set one cookie that names no path."""
        self.asked.append((request.method, request.path))
        answer = web.Response(status=201)
        answer.set_cookie("session", self.name, domain=DOMAIN, secure=True, httponly=True, samesite="None")
        answer.headers.add("Set-Cookie", "theme=dark")
        return answer

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Send what is put out, until that is None; whoever comes again does so after a millisecond."""
        self.asked.append((request.method, request.path))
        self.resumed.append(request.headers.get("Last-Event-ID"))
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        await answer.write(b"retry: 1\n\n")
        while (event := await self.out.get()) is not None:
            await answer.write(event)
        await answer.write_eof()
        return answer

    async def websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Send texts back until the page closes, or says `bye`."""
        self.asked.append((request.method, request.path))
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.data == "bye":
                await socket.close(code=GOODBYE, message=b"as you wish")
            else:
                await socket.send_str(f"{self.name} heard {message.data}")
        self.left.put_nowait(socket.close_code)
        return socket

    def application(self) -> web.Application:
        """Return what it serves."""
        app = web.Application(middlewares=[self.guard])
        app.router.add_post("/iam/login", self.login)
        app.router.add_route("*", "/data", self.data)
        app.router.add_post("/session", self.session)
        app.router.add_get("/events", self.events)
        app.router.add_get("/ws", self.websocket)
        app.router.add_get("/", self.start)
        return app


async def page(_: web.Request) -> web.Response:
    """Give an empty page."""
    return web.Response(text="<!doctype html><title>page</title>", content_type="text/html")


@contextlib.asynccontextmanager
async def platform(name: str = "platform") -> AsyncIterator[Platform]:
    """Run a platform."""
    origin = Platform(name=name)
    async with listening(origin.application()) as origin.port:
        yield origin


@contextlib.asynccontextmanager
async def pages() -> AsyncIterator[int]:
    """Serve the empty page at every path; yields the port."""
    app = web.Application()
    app.router.add_get("/{path:.*}", page)
    async with listening(app) as port:
        yield port
