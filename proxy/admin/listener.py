"""The admin application and its listening socket."""

import json
import socket
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Protocol

import orjson
from aiohttp import web

from proxy.admin.guard import refusal
from proxy.core.fields import Control, note
from proxy.core.hosts import Hosts
from proxy.core.problem import NAME, problem
from proxy.errors import GatewayError

NO_STORE = {"Cache-Control": "no-store"}
# Nothing that is asked here has a body worth the name, in bytes.
MAX_BODY = 64 * 1024


class View(Protocol):
    """What the listener shows and does, in plain values; never a secret or a token."""

    def unready(self) -> Mapping[str, str]:
        """Return the reason for each credential that is not live; empty when the gateway is ready."""
        ...

    def status(self) -> Mapping[str, Any]:
        """Return what `/status` shows."""
        ...

    def metrics(self) -> bytes:
        """Return the exposition for Prometheus."""
        ...

    async def refresh(self, credential: str) -> Mapping[str, Any] | None:
        """Log in anew; return the credential's state, or None for an unknown one. Raises LoginError."""
        ...


VIEW = web.AppKey("view", View)
HOSTS = web.AppKey("hosts", Hosts)
Extend = Callable[[web.Application], object]


def application(view: View, hosts: Hosts, extend: Extend = lambda _: None) -> web.Application:
    """Return the admin application, which answers to these names; `extend` adds routes to it."""
    app = web.Application(middlewares=[guarded], client_max_size=MAX_BODY)
    app[VIEW] = view
    app[HOSTS] = hosts
    app.add_routes(
        [
            web.get("/livez", livez),
            web.get("/readyz", readyz),
            web.get("/status", status),
            web.get("/metrics", metrics),
            web.post("/refresh/{name}", refresh),
        ]
    )
    extend(app)
    return app


@web.middleware
async def guarded(request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401  aiohttp's own type is private
    """Refuse who may not ask, and answer every error in one form."""
    refused = refusal(request.app[HOSTS], request.remote or None, noted(request))
    if refused is not None:
        return fault(refused.status, refused.code)
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


def fault(status: int, code: str, extra: Mapping[str, str] | None = None) -> web.Response:
    """Return an error in the form of RFC 9457."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "code": code}
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
    return answer(200, request.app[VIEW].status())


async def metrics(request: web.Request) -> web.Response:
    """The counters."""
    headers = {**NO_STORE, "Server": NAME, "Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    return web.Response(body=request.app[VIEW].metrics(), headers=headers)


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


async def listen(view: View, sock: socket.socket, hosts: Hosts, extend: Extend = lambda _: None) -> web.AppRunner:
    """Serve the admin application on a bound socket; the caller cleans the runner up."""
    runner = web.AppRunner(application(view, hosts, extend), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.SockSite(runner, sock).start()
    return runner
