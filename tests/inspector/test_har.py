"""Entries in HTTP Archive form."""

import base64
import json

from proxy.core.events import Finished
from proxy.inspector.entry import NO_CONTROL, Entry, Preview, Refusal, Span
from proxy.inspector.har import har_entry
from tests.inspector.entries import entry

REQUEST = {"method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize"}
RESPONSE = {
    "status",
    "statusText",
    "httpVersion",
    "cookies",
    "headers",
    "content",
    "redirectURL",
    "headersSize",
    "bodySize",
}


def test_all_that_the_form_wants_is_there() -> None:
    """Also of an exchange that had no answer, and of what was no request (HAR 1.2, "Objects")."""
    bare = Entry(1, 1.0, 0.5, Finished("", "", b"", "127.0.0.1"), NO_CONTROL)
    for made in (entry(b"/a?x=1&y=%20z", answer=b"text"), bare):
        told = json.loads(json.dumps(har_entry(made)))
        assert {"startedDateTime", "time", "request", "response", "cache", "timings"} <= set(told)
        assert set(told["request"]) >= REQUEST
        assert set(told["response"]) == RESPONSE
        assert {"send", "wait", "receive"} <= set(told["timings"])


def test_what_was_asked() -> None:
    """URL as the client asked, query taken apart, body and its type; masked cookies are left out."""
    made = entry(
        b"/a?x=1&y=%20z",
        method="POST",
        lines=[b"Content-Type: text/plain\r\n", b"Cookie: sid=****\r\n"],
        body=b"words",
    )
    asked = har_entry(made)["request"]
    assert asked["url"] == "http://gateway:8080/a?x=1&y=%20z"
    assert asked["queryString"] == [{"name": "x", "value": "1"}, {"name": "y", "value": " z"}]
    assert asked["postData"] == {"mimeType": "text/plain", "text": "words"}
    assert [each["name"] for each in asked["headers"]] == ["Host", "Content-Type"]


def test_what_was_answered() -> None:
    """Binary bodies in base64; what was cut says so."""
    made = entry(answer_lines=[b"Content-Type: image/png\r\n", b"Location: /b\r\n"])
    made.answer = Preview(b"\x89PNG\0", cut=True)
    answered = har_entry(made)["response"]
    assert answered["content"]["encoding"] == "base64"
    assert base64.b64decode(answered["content"]["text"]) == b"\x89PNG\0"
    assert answered["content"]["comment"] == "the beginning alone is kept"
    assert answered["redirectURL"] == "/b"


def test_the_times_add_up() -> None:
    """Waits for tokens, connecting, first byte and transfer are the whole, and a replay is explained."""
    made = entry()
    made.took, made.answered, made.fact.replay, made.login = 1.0, 0.9, "accepted", "refusal"
    made.spans, made.refusals = (Span("connect", 0.0, 0.1), Span("token", 0.3, 0.6)), (Refusal(401, 0.3),)
    told = har_entry(made)
    times = told["timings"]
    assert (times["blocked"], times["connect"], times["wait"], times["receive"]) == (300.0, 100.0, 500.0, 100.0)
    assert sum(times[name] for name in ("blocked", "connect", "send", "wait", "receive")) == told["time"]
    assert told["comment"].startswith(
        "The origin refused the token with 401 after 300 ms; the gateway got a newer token"
    )
