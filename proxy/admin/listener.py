"""The admin application and its listening socket."""

import json
import socket
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Protocol

import orjson
from aiohttp import web

from proxy.admin.door import Door
from proxy.admin.guard import Guard
from proxy.core.fields import Control, note
from proxy.core.problem import NAME, problem
from proxy.errors import ClientKeyRequired, ConfigError, GatewayError

NO_STORE = {"Cache-Control": "no-store"}
# Nothing that is asked here has a body worth the name, in bytes.
MAX_BODY = 64 * 1024


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
    refused = request.app[GUARD].refusal(request.remote or None, request.path, noted(request))
    if refused is not None:
        asked = {refused.challenge: f'Basic realm="{NAME}"'} if isinstance(refused, ClientKeyRequired) else {}
        return fault(refused.status, refused.code, asked, refused.detail)
    try:
        response: web.StreamResponse = await handler(request)
    except web.HTTPException as error:
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return fault(error.status, "not_found" if error.status == HTTPStatus.NOT_FOUND else "bad_request", allow)
    return response


def noted(request: web.Request) -> Control:
    """Return a request's fields as the rules of the gateway read them."""
    control: Control = {}
    for name, value in request.raw_headers:
        note(control, name.lower(), value)
    return control


def fault(status: int, code: str, extra: Mapping[str, str] | None = None, detail: str = "") -> web.Response:
    """Return an error in the form of RFC 9457."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "code": code}
    if detail:
        body["detail"] = detail
    return web.Response(
        status=status,
        body=orjson.dumps(body),
        content_type="application/problem+json",
        headers={**NO_STORE, "Server": NAME, **(extra or {})},
    )


def answer(status: int, body: object) -> web.Response:
    """Return an answer in JSON, indented for whoever reads it in a terminal."""
    text = json.dumps(body, indent=2, default=str) + "\n"
    return web.Response(status=status, text=text, content_type="application/json", headers={**NO_STORE, "Server": NAME})


async def livez(_request: web.Request) -> web.Response:
    """The process serves; what the platform does is none of this question's business."""
    return web.Response(text="ok\n", headers={**NO_STORE, "Server": NAME})


async def readyz(request: web.Request) -> web.Response:
    """Every credential that a route uses is live, or the reason for each that is not."""
    unready = request.app[VIEW].unready()
    return answer(503 if unready else 200, {"ready": not unready, **({"reasons": dict(unready)} if unready else {})})


async def status(request: web.Request) -> web.Response:
    """Everything there is to tell."""
    return answer(200, await request.app[VIEW].status())


async def metrics(request: web.Request) -> web.Response:
    """The counters."""
    headers = {**NO_STORE, "Server": NAME, "Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    return web.Response(body=await request.app[VIEW].metrics(), headers=headers)


async def refresh(request: web.Request) -> web.Response:
    """Force a new login."""
    try:
        state = await request.app[VIEW].refresh(request.match_info["name"])
    except GatewayError as error:
        _, body = problem(error, "")
        return web.Response(
            status=int(error.status), body=body, content_type="application/problem+json", headers=NO_STORE
        )
    return fault(404, "not_found") if state is None else answer(200, state)


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
        return fault(400, "bad_request", detail='expected keys of [log] as JSON, such as {"level": "debug"}')
    try:
        request.app[VIEW].adjust_log(changes)
    except ConfigError as error:
        return fault(400, "bad_request", detail=str(error))
    return await log(request)


async def leave(request: web.Request) -> web.Response:
    """Drain and end, where the operator has allowed it; it happens behind this answer."""
    return answer(202, {"draining": True}) if request.app[VIEW].quit() else fault(404, "not_found")


async def listen(view: View, sock: socket.socket, guard: Guard, extend: Extend = lambda _: None) -> web.AppRunner:
    """Serve the admin application on a bound socket; the caller cleans the runner up."""
    runner = web.AppRunner(application(view, guard, extend), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await Door(runner, sock).start()
    return runner
