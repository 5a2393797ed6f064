"""The admin application and its listening socket."""

import socket
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import orjson
from aiohttp import web

from proxy.admin.answers import HEADERS, NothingHere, NotUnderstood, answer, as_ours, refusal
from proxy.admin.door import Door
from proxy.admin.guard import Guard
from proxy.core.fields import Control, note
from proxy.errors import ConfigError, GatewayError

# Nothing that is asked here has a body worth the name, in bytes.
MAX_BODY = 64 * 1024
NO_KEYS = 'expected keys of [log] as JSON, such as {"level": "debug"}'
LOG_KEYS = "Send keys of `[log]` with values as the configuration takes them; GET /log shows those in force."


class View(Protocol):
    """What the listener shows and does, in plain values; never a secret or a token."""

    def unready(self) -> Mapping[str, str]:
        """Return the reason for each credential that is not live; empty when the gateway is ready."""
        ...

    async def status(self) -> Mapping[str, Any]:
        """Return what `/status` shows."""
        ...

    async def metrics(self) -> bytes:
        """Return the exposition for Prometheus."""
        ...

    async def refresh(self, credential: str) -> Mapping[str, Any] | None:
        """Log in anew; return the credential's state, or None for an unknown one. Raises LoginError."""
        ...

    def log(self) -> Mapping[str, Any]:
        """Return how the log is written now."""
        ...

    def adjust_log(self, changes: Mapping[str, Any]) -> None:
        """Write it differently from now on. Raises ConfigError."""

    def quit(self) -> bool:
        """End the gateway as a signal would; return whether that may be asked here."""
        ...


VIEW = web.AppKey("view", View)
GUARD = web.AppKey("guard", Guard)
Extend = Callable[[web.Application], object]


def application(view: View, guard: Guard, extend: Extend = lambda _: None) -> web.Application:
    """Return the admin application, which answers those whom the guard lets in; `extend` adds routes to it."""
    app = web.Application(middlewares=[guarded], client_max_size=MAX_BODY)
    app[VIEW] = view
    app[GUARD] = guard
    app.add_routes(
        [
            web.get("/livez", livez),
            web.get("/readyz", readyz),
            web.get("/status", status),
            web.get("/metrics", metrics),
            web.post("/refresh/{name}", refresh),
            web.get("/log", log),
            web.put("/log", adjust_log),
            web.post("/quit", leave),
        ]
    )
    extend(app)
    return app


@web.middleware
async def guarded(request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401  aiohttp's own type is private
    """Refuse who may not ask, and answer every error in one form."""
    fields = noted(request)
    accept = fields.get(b"accept", b"")
    refused = request.app[GUARD].refusal(request.remote or None, request.path, fields)
    if refused is not None:
        return refusal(refused, accept)
    try:
        response: web.StreamResponse = await handler(request)
    except web.HTTPException as error:
        return refusal(as_ours(error), accept)
    except GatewayError as error:
        return refusal(error, accept)
    return response


def noted(request: web.Request) -> Control:
    """Return a request's fields as the rules of the gateway read them."""
    control: Control = {}
    for name, value in request.raw_headers:
        note(control, name.lower(), value)
    return control


async def livez(_request: web.Request) -> web.Response:
    """The process serves; what the platform does is none of this question's business."""
    return web.Response(text="ok\n", headers=HEADERS)


async def readyz(request: web.Request) -> web.Response:
    """Every credential that a route uses is live, or the reason for each that is not."""
    unready = request.app[VIEW].unready()
    return answer(503 if unready else 200, {"ready": not unready, **({"reasons": dict(unready)} if unready else {})})


async def status(request: web.Request) -> web.Response:
    """Everything there is to tell."""
    return answer(200, await request.app[VIEW].status())


async def metrics(request: web.Request) -> web.Response:
    """The counters."""
    headers = {**HEADERS, "Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    return web.Response(body=await request.app[VIEW].metrics(), headers=headers)


async def refresh(request: web.Request) -> web.Response:
    """Force a new login."""
    state = await request.app[VIEW].refresh(request.match_info["name"])
    if state is None:
        raise NothingHere("No route uses a credential of this name.", action="Look at /status for their names.")
    return answer(200, state)


async def log(request: web.Request) -> web.Response:
    """How the log is written."""
    return answer(200, request.app[VIEW].log())


async def adjust_log(request: web.Request) -> web.Response:
    """Write the log differently until the configuration is read again; answers how it is written then."""
    try:
        changes = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        changes = None
    if not isinstance(changes, dict):
        raise NotUnderstood(NO_KEYS, action=LOG_KEYS)
    try:
        request.app[VIEW].adjust_log(changes)
    except ConfigError as error:
        raise NotUnderstood(str(error), action=LOG_KEYS) from None
    return await log(request)


async def leave(request: web.Request) -> web.Response:
    """Drain and end, where the operator has allowed it; it happens behind this answer."""
    if not request.app[VIEW].quit():
        raise NothingHere("Nobody may end the gateway by a request.", action="Whoever runs it can set `admin.quit`.")
    return answer(202, {"draining": True})


async def listen(view: View, sock: socket.socket, guard: Guard, extend: Extend = lambda _: None) -> web.AppRunner:
    """Serve the admin application on a bound socket; the caller cleans the runner up."""
    runner = web.AppRunner(application(view, guard, extend), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await Door(runner, sock).start()
    return runner
