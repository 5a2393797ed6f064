"""The inspector's routes on the admin listener, whose rules of who may ask hold for them."""

import asyncio
import contextlib
import math
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

import orjson
from aiohttp import web

from proxy.core.address import Address
from proxy.inspector import again, har
from proxy.inspector.capture import Capture
from proxy.inspector.feed import PAGES, Feed
from proxy.inspector.shown import detail, row

STATIC = Path(__file__).parent / "static"
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", "": "text/plain"}
# The page loads nothing from elsewhere, runs nothing but its own modules, and stands in nobody's frame.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "iam-proxy",
}
# Rows in one answer, and entries of an archive between two turns of the loop: neither holds requests up.
ROWS, TURN = 1000, 20
# What the page may ask to be sent, in bytes.
MAX_ORDER = 8 * 1024 * 1024


class Sight(Protocol):
    """What the inspector needs to know of the gateway."""

    def url(self) -> str:
        """Return where the gateway is asked."""
        ...

    def address(self) -> tuple[Address, bool]:
        """Return where it listens, and whether TLS is spoken there."""
        ...

    def tokens(self) -> Sequence[Mapping[str, Any]]:
        """Return the state of each credential's token, without the token."""
        ...

    def wants_key(self) -> bool:
        """Return whether callers need a key."""
        ...


class Inspector:
    """The page and what it asks for."""

    def __init__(self, capture: Capture, sight: Sight) -> None:
        self.capture = capture
        self.sight = sight
        self.feed = Feed(capture, self._tokens)
        capture.news = self.feed.ring
        self._files = {file.name: file for file in STATIC.iterdir() if file.is_file()}
        self._sending = asyncio.Semaphore(8)

    def extend(self, app: web.Application) -> None:
        """Add the routes to the admin application."""
        app.add_routes(
            [
                web.get("/", self.page),
                web.get("/inspector/static/{name}", self.static),
                web.get("/inspector/exchanges", self.exchanges),
                web.get(r"/inspector/exchanges/{number:\d{1,15}}", self.exchange),
                web.get("/inspector/events", self.events),
                web.get("/inspector/har", self.archive),
                web.post("/inspector/har", self.archive),
                web.post("/inspector/replay", self.replay),
                web.post("/inspector/clear", self.clear),
            ]
        )
        app.on_shutdown.append(self._end)

    async def _end(self, _app: web.Application) -> None:
        self.feed.end()
        self.capture.close()

    def _tokens(self) -> Mapping[str, Any]:
        logins = [
            {
                "at": round(login.at * 1000),
                "credential": login.credential,
                "what": login.what,
                "reason": login.reason,
                "cause": login.cause,
                "took": login.took and round(login.took * 1000),
                "lifetime": login.lifetime if login.lifetime and math.isfinite(login.lifetime) else None,
            }
            for login in list(self.capture.logins.last)[-50:]
        ]
        return {"now": round(time.time() * 1000), "credentials": self.sight.tokens(), "logins": logins}

    # --- the page
    async def page(self, _request: web.Request) -> web.StreamResponse:
        """The page itself."""
        return self._file("index.html")

    async def static(self, request: web.Request) -> web.StreamResponse:
        """A module, a style sheet or a licence."""
        return self._file(request.match_info["name"])

    def _file(self, name: str) -> web.StreamResponse:
        file = self._files.get(name)
        if file is None:
            raise web.HTTPNotFound
        kind = TYPES.get(file.suffix, "text/plain")
        return web.Response(body=file.read_bytes(), headers={**HEADERS, "Content-Type": f"{kind}; charset=utf-8"})

    # --- what it shows
    async def exchanges(self, request: web.Request) -> web.Response:
        """The list, the newest first: what lies before a number, in parts."""
        self.capture.flush()
        ring = self.capture.ring
        before = number(request.query.get("before"), 1 << 60)
        entries = ring.before(before, min(number(request.query.get("most"), ROWS), ROWS))
        return answer(
            {
                "boot": self.feed.boot,
                "rows": [row(entry) for entry in entries],
                "kept": len(ring),
                "bytes": ring.size,
                "cleared": ring.cleared,
                "gateway": self.sight.url(),
                "wants_key": self.sight.wants_key(),
                "tokens": self._tokens(),
            }
        )

    async def exchange(self, request: web.Request) -> web.Response:
        """One exchange, with all that is kept of it."""
        entry = self.capture.ring.get(int(request.match_info["number"]))
        if entry is None:
            raise web.HTTPNotFound
        return answer(detail(entry, self.sight.url()))

    async def events(self, request: web.Request) -> web.StreamResponse:
        """What is new, as it comes."""
        if len(self.feed) >= PAGES:
            return answer({"error": f"{PAGES} pages are open already"}, HTTPStatus.SERVICE_UNAVAILABLE)
        response = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream"})
        since = self.feed.place(request.headers.get("Last-Event-ID") or request.query.get("since", ""))
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):  # the page has gone
            await self.feed.tell(since, response.write)
        return response

    async def archive(self, request: web.Request) -> web.StreamResponse:
        """Exchanges in HTTP Archive form: all of them, or by a POST those of the numbers that it names."""
        self.capture.flush()
        entries = list(self.capture.ring)
        if request.method == "POST":
            wanted = frozenset((await body_of(request) or {}).get("numbers", ()))
            entries = [entry for entry in entries if entry.number in wanted]
        response = web.StreamResponse(
            headers={
                **HEADERS,
                "Content-Type": "application/json",
                "Content-Disposition": 'attachment; filename="iam-proxy.har"',
            }
        )
        await response.prepare(request)
        await response.write(har.BEGINNING)
        for place, entry in enumerate(entries):
            await response.write((b"," if place else b"") + orjson.dumps(har.har_entry(entry)))
            if place % TURN == 0:
                await asyncio.sleep(0)
        await response.write(har.END)
        return response

    # --- what it does
    async def replay(self, request: web.Request) -> web.Response:
        """Send a request through the gateway."""
        try:
            order = again.read_order(await body_of(request))
            address, tls = self.sight.address()
            async with self._sending:
                status, request_id = await again.send(order, address, tls=tls)
        except again.Malformed as error:
            return answer({"error": str(error)}, HTTPStatus.BAD_REQUEST)
        except again.Unanswered as error:
            return answer({"error": str(error)}, HTTPStatus.BAD_GATEWAY)
        self.capture.flush()
        return answer({"status": status, "request_id": request_id})

    async def clear(self, _request: web.Request) -> web.Response:
        """Forget everything."""
        self.capture.flush()
        self.capture.ring.clear()
        self.feed.ring()
        return answer({"cleared": self.capture.ring.cleared})


def answer(body: object, status: int = 200) -> web.Response:
    """Return an answer for the page."""
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json", headers=HEADERS)


def number(text: str | None, otherwise: int) -> int:
    """Return a number that was asked for."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 16 else otherwise  # noqa: PLR2004  digits of 64 bits, with room


async def body_of(request: web.Request) -> Any:  # noqa: ANN401  whatever JSON says
    """Return what a request's body says, None where it says nothing. Raises HTTPRequestEntityTooLarge."""
    data = await request.clone(client_max_size=MAX_ORDER).read()
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
