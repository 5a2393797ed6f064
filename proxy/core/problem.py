"""The gateway's own answers (RFC 9457), marked by Proxy-Status (RFC 9209): JSON for programs, a page for people."""

import math
from http import HTTPStatus

import orjson

from proxy.core.accept import prefers_page
from proxy.core.page import POLICY, page
from proxy.errors import ClientKeyRequired, GatewayError, MethodNotAllowed

NAME = "iam-proxy"
# RFC 9457 §3.1.1: what a type names need not be fetched; ours says where the codes are written down.
TYPE = "urn:iam-proxy:error:"
JSON = "application/problem+json"
HTML = "text/html; charset=utf-8"


def problem(error: GatewayError, request_id: str, accept: bytes = b"") -> tuple[bytes, bytes]:
    """Return the head of the answer for an error, without its last empty line, and its body.

    `accept` is the value of the caller's field of that name.
    """
    fields, body = answer(error, request_id, accept)
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {int(error.status)} {error.phrase or error.status.phrase}\r\n{lines}".encode(), body


def answer(error: GatewayError, request_id: str, accept: bytes = b"") -> tuple[dict[str, str], bytes]:
    """Return the fields of the answer for an error, in their order, and its body."""
    wait = waiting(error)
    action = error.action if wait is None else f"Try again in {wait} s. {error.action}"
    if prefers_page(accept):
        kind, body = HTML, page(error, action, request_id)
        fields = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}
    else:
        kind, body, fields = JSON, document(error, action, request_id), {}
    fields = {
        "Content-Type": kind,
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "Vary": "Accept",
        "Proxy-Status": f"{NAME}; error={error.proxy_error}",
        **fields,
    }
    if request_id:
        fields["X-Request-Id"] = request_id
    return fields | further(error, wait), body


def document(error: GatewayError, action: str, request_id: str) -> bytes:
    """Return what there is to say as JSON; `fault` and `action` are members of our own (RFC 9457 §3.2)."""
    return orjson.dumps(
        {
            "type": TYPE + error.code,
            "title": error.title,
            "status": int(error.status),
            "detail": error.detail,
            "fault": error.fault,
            "action": action,
            "code": error.code,
            "request_id": request_id,
        }
    )


def waiting(error: GatewayError) -> int | None:
    """Return after how many seconds it makes sense to try again, None where that is not known."""
    if error.retry_after is None or error.status is not HTTPStatus.SERVICE_UNAVAILABLE:
        return None
    return max(1, math.ceil(error.retry_after))


def further(error: GatewayError, wait: int | None) -> dict[str, str]:
    """Return the fields that some errors add (RFC 9110): how long to wait, what is allowed, what is wanted."""
    fields = {} if wait is None else {"Retry-After": str(wait)}
    if isinstance(error, MethodNotAllowed):
        fields["Allow"] = error.allow
    if isinstance(error, ClientKeyRequired):
        fields[error.challenge] = f'Basic realm="{NAME}", charset="UTF-8"'
    return fields
