"""The gateway's own answers."""

import json
import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import errors
from proxy.admin.answers import NothingHere, NotUnderstood
from proxy.core.problem import problem
from proxy.errors import BadRequest, ClientKeyRequired, Fault, GatewayError, LoginUnavailable, MethodNotAllowed

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, GatewayError)]
ALL = [*KINDS, NothingHere, NotUnderstood]
PAGE = b"text/html"
FAULTS = {
    Fault.CALLER: "The request, or the program that sent it.",
    Fault.GATEWAY: "This gateway, or the way it is set up.",
    Fault.PLATFORM: "The platform, or the network on the way to it.",
}


def made(kind: type[GatewayError]) -> GatewayError:
    """Return an error of a kind, as it is raised."""
    return MethodNotAllowed("GET, HEAD") if kind is MethodNotAllowed else kind()


def text_of(page: bytes) -> str:
    """Return what a page says, without its markup."""
    return unescape(re.sub("<[^>]*>", "", page.decode()))


@pytest.mark.parametrize("accept", [b"", PAGE])
@pytest.mark.parametrize("kind", ALL)
def test_a_cause_is_for_the_log_alone(kind: type[GatewayError], accept: bytes) -> None:
    """It may say where a file lies, or which address did not answer: whoever called learns the kind of fault."""
    error = made(kind)
    error.cause = "/run/secrets/secretkey: Permission denied"
    head, body = problem(error, "id-1", accept)
    assert b"/run/secrets" not in head + body
    assert kind.code.encode() in body


@pytest.mark.parametrize("kind", ALL)
def test_json_says_what_happened_whose_fault_it_is_and_what_to_do(kind: type[GatewayError]) -> None:
    """Each in whole sentences, and all the members of RFC 9457."""
    error = made(kind)
    head, body = problem(error, "id-1")
    assert b"\r\nContent-Type: application/problem+json\r\n" in head
    said = json.loads(body)
    assert said == {
        "type": f"urn:iam-proxy:error:{kind.code}",
        "title": kind.title,
        "status": int(kind.status),
        "detail": error.detail,
        "fault": kind.fault.value,
        "action": error.action,
        "code": kind.code,
        "request_id": "id-1",
    }
    for sentence in (said["detail"], said["action"]):
        assert re.fullmatch(r"[A-Z].*\.", sentence)
        assert sentence.count("`") % 2 == 0
    assert not said["title"].endswith(".")


@pytest.mark.parametrize("kind", ALL)
def test_the_page_says_the_same(kind: type[GatewayError]) -> None:
    """In the same words, in 3 KB at most, with nothing that runs, loads or leads elsewhere."""
    error = made(kind)
    head, body = problem(error, "id-1", PAGE)
    said = text_of(body)
    texts = (kind.title, f"{int(kind.status)} {kind.status.phrase}", error.detail, FAULTS[kind.fault], error.action)
    for text in (*texts, kind.code, "id-1"):
        assert text.replace("`", "") in said
    assert len(body) <= 3000
    inside = body.split(b"</style>")[1]
    tags, attributes = re.findall(rb"<(\w+)", inside), re.findall(rb"<[^>]* (\w+)=", inside)
    assert set(tags) <= {b"main", b"p", b"h1", b"h2", b"code", b"dl", b"dt", b"dd", b"footer"}
    assert set(attributes) <= {b"class", b"id"}
    assert b"url(" not in body
    assert b"@import" not in body
    assert b"\r\nContent-Type: text/html; charset=utf-8\r\n" in head
    assert b"\r\nContent-Security-Policy: default-src 'none'; style-src 'sha256-" in head
    assert b"\r\nX-Content-Type-Options: nosniff\r\n" in head
    assert body.startswith(b'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n')


@pytest.mark.parametrize("accept", [b"", PAGE])
def test_what_both_forms_have(accept: bytes) -> None:
    """Length, no store, what the form depends on, and the fields that some errors add."""
    head, body = problem(ClientKeyRequired(), "id-1", accept)
    assert head.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
    for line in (
        b"Content-Length: %d" % len(body),
        b"Cache-Control: no-store",
        b"Vary: Accept",
        b"Proxy-Status: iam-proxy; error=http_request_denied",
        b"X-Request-Id: id-1",
        b'WWW-Authenticate: Basic realm="iam-proxy", charset="UTF-8"',
    ):
        assert b"\r\n%b\r\n" % line in head
    assert b"\r\nAllow: GET\r\n" in problem(MethodNotAllowed("GET"), "id-1", accept)[0]


@pytest.mark.parametrize("accept", [b"", PAGE])
def test_when_to_come_back_is_said_to_people_too(accept: bytes) -> None:
    """A person does not see Retry-After."""
    head, body = problem(LoginUnavailable(retry_after=11.2), "id-1", accept)
    assert b"\r\nRetry-After: 12\r\n" in head
    assert b"Try again in 12 s. The gateway keeps trying by itself." in body


@given(st.text())
def test_a_page_takes_nothing_for_markup(text: str) -> None:
    """Whatever a detail or a request id holds, it adds no tag and no entity to the page, and is read as it was."""
    text = text.encode("utf-8", "replace").decode()
    plain = problem(BadRequest("", action=""), "", PAGE)[1]
    _, body = problem(BadRequest(text, action=text), text, PAGE)
    marks = text.count("`") // 2
    rows = 1 if text else 0
    assert body.count(b"<") == plain.count(b"<") + 2 * 2 * marks + 6 * rows
    assert body.count(b'"') == plain.count(b'"') + 2 * rows
    if text:
        found = re.search(rb'<code id="request-id">(.*?)</code>', body, re.DOTALL)
        assert found is not None
        assert unescape_all(found[1]) == text


def unescape_all(data: bytes) -> str:
    """Return a text from its HTML, where only the five characters of markup have been escaped."""
    text = data.decode()
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#x27;", "'"), ("&amp;", "&")):
        text = text.replace(entity, character)
    return text
