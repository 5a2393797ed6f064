"""The form of the gateway's own answers: a page for whoever prefers one, JSON for everybody else."""

import json

import pytest

from proxy.core.page import POLICY
from proxy.errors import LoginUnavailable
from tests.access.requests import APP, LISTING, code, once
from tests.fakes.gateway import gateway_to
from tests.fakes.origin import raw_origin
from tests.fakes.tokens import FakeSource

pytestmark = pytest.mark.usefixtures("loop_factory")

BROWSER = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
HTML, JSON = [b"text/html; charset=utf-8"], [b"application/problem+json"]
DENIED = "GET /iam/login"


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ((BROWSER,), HTML),
        (("Accept: text/html", "Accept: */*;q=0.1"), HTML),
        (("accept:text/html",), HTML),
        ((), JSON),
        (("Accept: */*",), JSON),
        (("Accept: text/html", "Accept: application/json"), JSON),
        (("Accept: text/html, *; q=.2",), JSON),
        ((BROWSER, "Connection: accept"), JSON),
    ],
)
async def test_the_caller_chooses(lines: tuple[str, ...], kind: list[bytes]) -> None:
    """By Accept, in one field or several; both forms have the same code, and say what they depend on."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench:
        answer = await once(bench, DENIED, *lines)
        (fact,) = await bench.facts()
    assert (answer.status, code(answer), answer.values(b"content-type")) == (403, "path_denied", kind)
    assert (answer.values(b"vary"), answer.values(b"cache-control")) == ([b"Accept"], [b"no-store"])
    assert answer.values(b"content-security-policy") == ([POLICY.encode()] if kind is HTML else [])
    assert (fact.code, fact.sent) == ("path_denied", len(answer.body))
    assert fact.request_id.encode() in answer.body


async def test_an_answer_of_the_origin_is_left_alone() -> None:
    """Its form, and what it depends on, are the origin's business; Accept reaches it."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench:
        answer = await once(bench, "GET /x", BROWSER)
    assert (answer.status, answer.values(b"vary")) == (200, [])
    assert origin.arrived[0].values(b"accept") == [BROWSER.partition(": ")[2].encode()]


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("lines", [(BROWSER,), ()])
async def test_head_gets_the_head_alone(version: str, lines: tuple[str, ...]) -> None:
    """With the length that the page or the JSON would have; the connection goes on, or ends, as ever."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench:
        whole = await once(bench, f"{DENIED} HTTP/{version}", "X-Request-Id: 1", *lines)
        async with bench.client() as client:
            await client.send(
                "\r\n".join((f"HEAD /iam/login HTTP/{version}", "Host: g", "X-Request-Id: 1", *lines, "", "")).encode()
            )
            head = await client.answer(head_only=True)
            if version == "1.0":
                assert await client.reader.read() == b""
            else:
                await client.send(b"GET /x HTTP/1.1\r\nHost: g\r\n\r\n")
                assert (await client.answer()).body == b"ok"
    assert head.values(b"content-length") == [b"%d" % len(whole.body)]
    assert head.values(b"content-type") == whole.values(b"content-type") == (HTML if lines else JSON)
    assert head.values(b"connection") == ([b"close"] if version == "1.0" else [])


@pytest.mark.parametrize(
    ("line", "lines", "status"),
    [
        ("GET /x", ("Content-Length: 1", "Transfer-Encoding: chunked"), 400),
        ("GET x", (), 400),
        ("CONNECT origin:443", (), 405),
        ("GET /x", ("X: " + "x" * 70_000,), 431),
    ],
)
async def test_what_is_no_request_gets_json(line: str, lines: tuple[str, ...], status: int) -> None:
    """Nothing is known of its fields, even if some of them can be read."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench:
        answer = await once(bench, line, BROWSER, *lines)
    assert (answer.status, answer.values(b"content-type")) == (status, JSON)
    assert answer.values(b"connection") == [b"close"]
    assert json.loads(answer.body)["fault"] == "caller"


async def test_a_page_of_a_listed_origin() -> None:
    """It may read the answer in either form, and caches are told of both."""
    async with raw_origin() as origin, gateway_to(origin.port, access=LISTING) as bench:
        for lines, kind in (((BROWSER,), HTML), ((), JSON)):
            answer = await once(bench, DENIED, f"Origin: {APP}", *lines)
            assert (answer.values(b"content-type"), answer.values(b"vary")) == (kind, [b"Accept, Origin"])
            assert answer.values(b"access-control-allow-origin") == [APP.encode()]


async def test_what_a_caller_says_is_no_markup() -> None:
    """A request id is the one thing that a caller writes into a page."""
    mark = "<img/src=x/onerror=alert(1)>&amp;`x`"
    async with raw_origin() as origin, gateway_to(origin.port) as bench:
        answer = await once(bench, DENIED, BROWSER, f"X-Request-Id: {mark}")
    assert answer.values(b"x-request-id") == [mark.encode()]
    assert b"&lt;img/src=x/onerror=alert(1)&gt;&amp;amp;`x`</code>" in answer.body
    assert b"<img" not in answer.body


async def test_a_login_that_fails_is_explained() -> None:
    """Whose fault it is, when to come back, and never the cause."""
    source = FakeSource(error=LoginUnavailable(cause="status 500 of /secret/place", retry_after=7))
    async with raw_origin() as origin, gateway_to(origin.port, source=source) as bench:
        page, document = await once(bench, "GET /", BROWSER), await once(bench, "GET /")
    assert json.loads(document.body)["fault"] == "platform"
    assert json.loads(document.body)["action"].encode() in page.body
    assert b"Try again in 7 s." in page.body
    assert page.values(b"retry-after") == document.values(b"retry-after") == [b"7"]
    assert b"/secret/place" not in page.body + document.body
