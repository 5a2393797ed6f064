"""An entry as the page reads it: a row of the list, or all there is."""

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from proxy.core.redact import HIDDEN
from proxy.inspector.curl import command
from proxy.inspector.entry import Entry, Preview
from proxy.inspector.timing import TOKEN, phases, reasons, total

# Longer targets stand in the list by their beginning.
SHOWN = 512
INJECTED = "injected by the gateway"
# The mark for what nobody may see; in a head it is HIDDEN, which every program can send.
DOTS = "••••"

Field = tuple[str, str, str]


def text(raw: bytes) -> str:
    """Return bytes for people to read."""
    return raw.decode("utf-8", "backslashreplace")


def row(entry: Entry) -> list[Any]:
    """Return a line of the list; static/rows.js knows the columns by their place."""
    fact = entry.fact
    return [
        entry.number,
        round(entry.at * 1000),
        fact.method,
        text(fact.target[:SHOWN]),
        fact.route,
        fact.status,
        round(entry.took * 1000, 2),
        fact.sent,
        fact.received,
        fact.attempts,
        entry.login,
        fact.replay,
        fact.code,
        fact.client,
        fact.request_id,
        fact.credential,
        fact.cut,
        fact.peer,
        text(entry.host),
        bool(entry.spans) and total(entry, TOKEN) > 0,
    ]


def fields(head: bytes) -> Iterator[Field]:
    """Yield name, value and a remark for each line of a head."""
    for line in head.split(b"\r\n"):
        name, mark, value = line.partition(b":")
        if mark:
            value = value.strip(b" \t")
            yield text(name), text(value).replace(HIDDEN.decode(), DOTS), "masked" if HIDDEN in value else ""


def injected(entry: Entry) -> Field | None:
    """Return the field or parameter that the gateway put a token into, without the token."""
    what = entry.injection
    if what is None:
        return None
    match what.place.name:
        case "FIELD":
            return text(what.name), f"{text(what.before)}{DOTS}{text(what.after)}", INJECTED
        case "QUERY":
            return f"?{text(what.name)}=", DOTS, INJECTED
    return "Cookie", f"{text(what.name)}={DOTS}", INJECTED


def body(preview: Preview) -> Mapping[str, Any]:
    """Return a preview, as text where it is text."""
    told: dict[str, Any] = {"cut": preview.cut, "fault": preview.fault, "size": len(preview.data)}
    try:
        told["text"] = decoded(preview)
    except UnicodeDecodeError:
        told["base64"] = base64.b64encode(preview.data).decode()
    return told


def decoded(preview: Preview) -> str:
    """Return a preview as UTF-8, where a character may have been cut in two. Raises UnicodeDecodeError."""
    data = preview.data
    if b"\0" in data:
        raise UnicodeDecodeError("utf-8", data, 0, 1, "no text")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        if preview.cut and error.start >= len(data) - 3:
            return data[: error.start].decode()
        raise


def detail(entry: Entry, gateway: str) -> Mapping[str, Any]:
    """Return everything that is kept of an exchange; `gateway` is the URL that it is asked at."""
    fact = entry.fact
    put = injected(entry)
    request = [*fields(entry.request_head), *([] if put is None else [put])]
    return {
        "number": entry.number,
        "row": row(entry),
        "target": text(b"http://%b%b" % (entry.host, fact.target) if entry.absolute else fact.target),
        "version": "HTTP/1.0" if entry.http10 else "HTTP/1.1",
        "peer": fact.peer,
        "proxy": fact.proxy,
        "request": {"fields": request, "body": body(entry.request)},
        "answer": {"reason": text(entry.reason), "fields": [*fields(entry.answer_head)], "body": body(entry.answer)},
        "phases": [(span.what, round(span.start * 1000, 3), round(span.end * 1000, 3)) for span in phases(entry)],
        "refusals": [(refusal.status, round(refusal.at * 1000, 3)) for refusal in entry.refusals],
        "reasons": reasons(entry),
        "shed": entry.shed,
        "curl": command(entry, gateway),
    }
