"""What the admin listener says: plain values as JSON, and errors in the form of the gateway's own."""

import json
from http import HTTPStatus

from aiohttp import web

from proxy.core import problem
from proxy.errors import BadRequest, BodyTooLarge, GatewayError, MethodNotAllowed, RequestRefused

HEADERS = {"Cache-Control": "no-store", "Server": problem.NAME}


class NothingHere(RequestRefused):
    """What is asked for is not there, or is off."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"
    title = "Nothing is here"
    detail = "The admin listener has nothing at this path."
    action = (
        "Look at /status, /readyz, /livez or /metrics. The inspector is at / where `admin.inspector` is switched on in "
        "the configuration."
    )


class NotUnderstood(BadRequest):
    """The request is good HTTP, but what it wants is not known here."""

    title = "The request is not understood"


def answer(status: int, body: object) -> web.Response:
    """Return an answer in JSON, indented for whoever reads it in a terminal."""
    text = json.dumps(body, indent=2, default=str) + "\n"
    return web.Response(status=status, text=text, content_type="application/json", headers=HEADERS)


def refusal(error: GatewayError, accept: bytes) -> web.Response:
    """Return the answer for an error, in the form that a caller with this Accept prefers."""
    fields, body = problem.answer(error, "", accept)
    del fields["Proxy-Status"], fields["Content-Length"]  # nothing is forwarded here; aiohttp counts for itself
    return web.Response(status=int(error.status), body=body, headers={**HEADERS, **fields})


def as_ours(error: web.HTTPException) -> GatewayError:
    """Return our error for one that aiohttp answers by."""
    match error:
        case web.HTTPNotFound():
            return NothingHere()
        case web.HTTPMethodNotAllowed():
            return MethodNotAllowed(", ".join(sorted(error.allowed_methods)))
        case web.HTTPRequestEntityTooLarge():
            return BodyTooLarge("The request's body is larger than anything that is asked here.", action="Send less.")
    return NotUnderstood()
