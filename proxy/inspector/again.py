"""A request sent once more, or a new one: through the gateway, as any client would, so that all its rules hold."""

import asyncio
import contextlib
import re
import secrets
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.core.address import Address, TcpAddress
from proxy.inspector.curl import LEFT_OUT

# How long the answer's head and then its end are waited for, in seconds. What goes on for longer is ended: it is seen.
HEAD_WITHIN, END_WITHIN = 60.0, 10.0
MAX_HEAD = 64 * 1024
PIECE = 64 * 1024

_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}")
_TARGET = re.compile(r"(?:(?:http://[!-.0-~]+)?/[!-~]*|\*)")
_VALUE = re.compile(r"[^\r\n\0]*")


class Malformed(ValueError):
    """What is to be sent is no request; the text says why."""


class Unanswered(Exception):
    """The gateway gave no answer; the text says why."""


@dataclass(frozen=True, slots=True)
class Order:
    """A request to send. `key` is a client key for a gateway that wants one."""

    method: str
    target: str
    host: str
    fields: tuple[tuple[str, str], ...]
    body: bytes
    key: str = ""


def read_order(raw: object) -> Order:
    """Return the request that the page asks for. Raises Malformed."""
    if not isinstance(raw, dict):
        raise Malformed("expected an object")
    given: Mapping[str, Any] = raw
    method, target = text(given, "method"), text(given, "target")
    if not _METHOD.fullmatch(method):
        raise Malformed("the method is no word of HTTP")
    if not _TARGET.fullmatch(target):
        raise Malformed("the target has to begin with / or http:// and to have neither spaces nor letters beyond ASCII")
    fields = given.get("fields", [])
    if not (isinstance(fields, list) and all(is_pair(each) for each in fields)):
        raise Malformed("fields have to be pairs of texts")
    for name, value in fields:
        if not _METHOD.fullmatch(name) or not _VALUE.fullmatch(value):
            raise Malformed(f"{name!r} is no field")
    host, key = text(given, "host"), text(given, "key")
    if not (_VALUE.fullmatch(host) and _VALUE.fullmatch(key)):
        raise Malformed("neither host nor key has line breaks")
    kept = tuple((name, value) for name, value in fields if name.lower() not in LEFT_OUT)
    return Order(method, target, host, kept, text(given, "body").encode(), key)


def text(given: Mapping[str, Any], name: str) -> str:
    """Return a text, "" where none is given. Raises Malformed."""
    value = given.get(name, "")
    if not isinstance(value, str):
        raise Malformed(f"{name} has to be a text")
    return value


def is_pair(value: object) -> bool:
    """Return whether a value is a pair of texts."""
    return isinstance(value, list) and len(value) == 2 and all(isinstance(each, str) for each in value)  # noqa: PLR2004  a pair


def written(order: Order, request_id: str) -> bytes:
    """Return a request as it goes over the wire."""
    lines = [f"{order.method} {order.target} HTTP/1.1", f"Host: {order.host or 'localhost'}"]
    lines += [f"{name}: {value}" for name, value in order.fields]
    if order.key:
        lines.append(f"X-Proxy-Key: {order.key}")
    if order.body or order.method in {"POST", "PUT", "PATCH"}:
        lines.append(f"Content-Length: {len(order.body)}")
    lines += [f"X-Request-Id: {request_id}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + order.body


async def send(order: Order, address: Address, *, tls: bool) -> tuple[int, str]:
    """Send a request to the gateway; return the status of the answer and the id that the exchange has.

    Raises Unanswered.
    """
    request_id = f"inspector-{secrets.token_hex(8)}"
    try:
        async with asyncio.timeout(HEAD_WITHIN):
            reader, writer = await connect(address, tls=tls)
            try:
                writer.write(written(order, request_id))
                status = await read_status(reader)
                await read_rest(reader)
            finally:
                writer.close()
    except TimeoutError:
        raise Unanswered(f"no answer within {HEAD_WITHIN:g} s") from None
    except (OSError, EOFError, asyncio.LimitOverrunError) as error:
        raise Unanswered(f"the gateway closed the connection: {error or type(error).__name__}") from None
    return status, request_id


async def connect(address: Address, *, tls: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the gateway; an address that stands for all is reached by way of loopback."""
    if not isinstance(address, TcpAddress):
        return await asyncio.open_unix_connection(address.path)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104  it is read, not bound
    context = None
    if tls:
        context = ssl.create_default_context()
        # It is this very process that answers: there is nobody to be told apart from.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return await asyncio.open_connection(host, address.port, ssl=context, limit=MAX_HEAD)


async def read_status(reader: asyncio.StreamReader) -> int:
    """Return the status of the final answer. Raises EOFError."""
    status = 0
    while status < 200:  # noqa: PLR2004  RFC 9110 §15: interim ones come before
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
    return status


async def read_rest(reader: asyncio.StreamReader) -> None:
    """Read the answer to its end, or for some time."""
    with contextlib.suppress(TimeoutError, OSError):
        async with asyncio.timeout(END_WITHIN):
            while await reader.read(PIECE):
                pass
