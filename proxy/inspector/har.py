"""Entries in HTTP Archive form, version 1.2 (http://www.softwareishard.com/blog/har-12-spec/)."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from proxy import __version__
from proxy.core.redact import HIDDEN
from proxy.inspector.entry import Entry, Preview
from proxy.inspector.shown import decoded
from proxy.inspector.timing import CONNECT, TOKEN, TRANSFER, reasons, total

BEGINNING = b'{"log":{"version":"1.2","creator":{"name":"iam-proxy","version":"%b"},"entries":[' % __version__.encode()
END = b"]}}"
UNKNOWN = -1  # what the form writes for a size or a time that nobody knows


def har_entry(entry: Entry) -> Mapping[str, Any]:
    """Return one entry. The URL is that which the client asked for; times are in ms."""
    fact = entry.fact
    blocked, connect, receive = (total(entry, what) for what in (TOKEN, CONNECT, TRANSFER))
    told: dict[str, Any] = {
        "startedDateTime": datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="milliseconds"),
        "time": ms(entry.took),
        "request": request(entry),
        "response": response(entry),
        "cache": {},
        "timings": {
            "blocked": ms(blocked),
            "dns": UNKNOWN,
            "connect": ms(connect),
            "ssl": UNKNOWN,
            "send": 0,
            "wait": ms(max(entry.took - blocked - connect - receive, 0.0)),
            "receive": ms(receive),
        },
        "_route": fact.route,
        "_attempts": fact.attempts,
        "_requestId": fact.request_id,
    }
    why = " ".join(reasons(entry))
    return {**told, "comment": why} if why else told


def request(entry: Entry) -> Mapping[str, Any]:
    """Return what was asked for."""
    fact = entry.fact
    target = fact.target.decode("latin-1")
    query = target.partition("?")[2]
    told: dict[str, Any] = {
        "method": fact.method,
        "url": url(entry, target),
        "httpVersion": "HTTP/1.0" if entry.http10 else "HTTP/1.1",
        "cookies": [],
        "headers": headers(entry.request_head),
        "queryString": [{"name": name, "value": value} for name, value in parse_qsl(query, keep_blank_values=True)],
        "headersSize": UNKNOWN,
        "bodySize": fact.received,
    }
    if entry.request.data:
        told["postData"] = {"mimeType": kind(entry.request_head), **content(entry.request)}
    return told


def url(entry: Entry, target: str) -> str:
    """Return the URL that a client asked for; one of 1.0 may have named no host."""
    host = (entry.host or b"localhost").decode("latin-1")
    return f"{entry.scheme.decode()}://{host}{target if target.startswith('/') else '/'}"


def response(entry: Entry) -> Mapping[str, Any]:
    """Return what was answered; nothing where the client left first."""
    fact = entry.fact
    return {
        "status": fact.status,
        "statusText": entry.reason.decode("latin-1"),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers(entry.answer_head),
        "content": {"size": len(entry.answer.data), "mimeType": kind(entry.answer_head), **content(entry.answer)},
        "redirectURL": value_of(entry.answer_head, "location"),
        "headersSize": UNKNOWN,
        "bodySize": fact.sent,
    }


def content(preview: Preview) -> dict[str, str]:
    """Return a body as it is kept, without its content coding."""
    told = {"comment": preview.fault or "the beginning alone is kept"} if preview.cut else {}
    try:
        return {"text": decoded(preview), **told}
    except UnicodeDecodeError:
        return {"text": base64.b64encode(preview.data).decode(), "encoding": "base64", **told}


def headers(head: bytes) -> list[dict[str, str]]:
    """Return the fields of a head; a masked cookie is none that a program could take."""
    pairs = [(name, value.strip(" \t")) for name, mark, value in parts(head) if mark]
    hidden = HIDDEN.decode()
    return [
        {"name": name, "value": value}
        for name, value in pairs
        if not (name.lower() in {"cookie", "set-cookie"} and hidden in value)
    ]


def parts(head: bytes) -> list[tuple[str, str, str]]:
    """Return name, colon and value of each line."""
    return [line.partition(":") for line in head.decode("latin-1").split("\r\n")]


def value_of(head: bytes, wanted: str) -> str:
    """Return the value of a field, "" where there is none."""
    return next((value.strip(" \t") for name, _, value in parts(head) if name.lower() == wanted), "")


def kind(head: bytes) -> str:
    """Return the media type of a body; RFC 9110 §8.3 knows nothing better where none is told."""
    return value_of(head, "content-type") or "application/octet-stream"


def ms(seconds: float) -> float:
    """Return a time as the form has it."""
    return round(seconds * 1000, 3)
