"""The gateway's own answers: problem+json (RFC 9457), marked by Proxy-Status (RFC 9209)."""

import math
from http import HTTPStatus

import orjson

from proxy.errors import ClientKeyRequired, GatewayError, MethodNotAllowed

NAME = "iam-proxy"
# RFC 9457 §3.1.1: what a type names need not be fetched; ours says where the codes are written down.
TYPE = "urn:iam-proxy:error:"


def problem(error: GatewayError, request_id: str) -> tuple[bytes, bytes]:
    """Return the head of the answer for an error, without its last empty line, and its body."""
    body = orjson.dumps(
        {
            "type": TYPE + error.code,
            "title": error.title,
            "status": int(error.status),
            "detail": error.detail,
            "code": error.code,
            "request_id": request_id,
        }
    )
    head = (
        f"HTTP/1.1 {int(error.status)} {error.phrase or error.status.phrase}\r\n"
        f"Content-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"Cache-Control: no-store\r\n"
        f"Proxy-Status: {NAME}; error={error.proxy_error}\r\n"
        f"X-Request-Id: {request_id}\r\n"
    )
    return (head + "".join(extra_lines(error))).encode(), body


def extra_lines(error: GatewayError) -> list[str]:
    """Return the field lines that some errors add (RFC 9110): how long to wait, what is allowed, what is wanted."""
    lines = []
    if error.retry_after is not None and error.status is HTTPStatus.SERVICE_UNAVAILABLE:
        lines.append(f"Retry-After: {max(1, math.ceil(error.retry_after))}\r\n")
    if isinstance(error, MethodNotAllowed):
        lines.append(f"Allow: {error.allow}\r\n")
    if isinstance(error, ClientKeyRequired):
        lines.append(f'{error.challenge}: Basic realm="{NAME}", charset="UTF-8"\r\n')
    return lines
