"""The same request directly and through the gateway: they differ in the documented fields and in nothing else."""

import re
from pathlib import Path

import pytest

from tests.fakes.gateway import Answered, RawClient, gateway_to
from tests.fakes.origin import Arrived, Visit, raw_origin

pytestmark = pytest.mark.usefixtures("loop_factory")

PAGE = (Path(__file__).parents[2] / "docs" / "http.md").read_text(encoding="utf-8")


def changed(heading: str) -> set[bytes]:
    """Return the lower-case names in the first column of the table under a heading of docs/http.md."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    columns = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name.lower().encode() for column in columns for name in re.findall("`([A-Za-z0-9-]+)`", column)}


# What frames a message is compared too; it is said in another place.
FRAMING = {b"content-length", b"transfer-encoding"}
REQUEST_CHANGES = changed("Requests, on their way to the origin") - FRAMING
# Location and Set-Cookie change only where they name the origin, which none of these answers does.
ANSWER_CHANGES = changed("Answers, on their way to the client") - FRAMING - {b"location", b"link", b"set-cookie"}

REQUESTS = [
    b"GET / HTTP/1.1\r\nHost: g\r\n\r\n",
    b"GET /a//b/c;d?e=f&&g=%zz%00# HTTP/1.1\r\nHost: g\r\n\r\n".replace(b"#", b""),
    b"HEAD /head HTTP/1.1\r\nHost: g\r\nAccept: */*\r\nACCEPT: x\r\naccept:  y  \r\n\r\n",
    b"DELETE /x HTTP/1.1\r\nHost: g\r\nX-Empty:\r\nX-Long: " + b"v" * 8000 + b"\r\n\r\n",
    b"POST /p HTTP/1.1\r\nHost: g\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /p HTTP/1.1\r\nHost: g\r\nContent-Length: 0\r\n\r\n",
    b"PUT /p HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
    b"GET /c HTTP/1.1\r\nHost: g\r\nCookie: a=b\r\nCookie: c=d\r\nReferer: http://x/\r\nOrigin: http://g\r\n\r\n",
    b"GET /w HTTP/1.1\r\nHost: g\r\nX: \xe4\xf6\xfc \xff\r\nUser-Agent: old\r\nRange: bytes=0-5\r\n\r\n",
    b"OPTIONS /o HTTP/1.1\r\nHost: g\r\nAccess-Control-Request-Method: PUT\r\n\r\n",
    b"PROPFIND /dav HTTP/1.1\r\nHost: g\r\nDepth: 1\r\nContent-Length: 3\r\n\r\n<a>",
    b"GET /h HTTP/1.1\r\nHost: g\r\nConnection: x-hop, keep-alive\r\nKeep-Alive: 5\r\n\r\n",
]
ANSWERS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 \r\nServer: x/1 (y)\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 404 Nothing here, \xe4h\r\nContent-Type: a/b\r\ncontent-length: 3\r\n\r\nabc",
    b'HTTP/1.1 204 No Content\r\nETag: "x"\r\n\r\n',
    b'HTTP/1.1 304 Not Modified\r\nETag: W/"x"\r\nCache-Control: max-age=5\r\nVary: *\r\n\r\n',
    b"HTTP/1.1 299 Odd\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: u\r\n\r\n",
    b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n',
    b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/x\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nSet-Cookie: c=d; HttpOnly\r\nx: 2\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-1/5\r\nETag: x\r\nContent-Length: 2\r\n\r\n\x1f\x8b",
    b"HTTP/1.1 200 OK\r\nKeep-Alive: 5\r\nConnection: keep-alive\r\nDate: x\r\nContent-Length: 1\r\n\r\n.",
    b"HTTP/1.1 599 Last\r\nContent-Length: 1\r\n\r\n.",
]  # fmt: skip


async def exchanged(request: bytes, answer: bytes, *, through: bool) -> tuple[Arrived, Answered]:
    """Send a request, directly or through the gateway; return it as it arrived, and its answer as it came."""

    async def script(visit: Visit) -> None:
        while True:
            await visit.request()
            await visit.send(answer)

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench:
        port = bench.port if through else origin.port
        async with RawClient.to(port) as client:
            await client.send(request)
            answered = await client.answer(head_only=request.startswith(b"HEAD"))
        return origin.arrived[-1], answered


def crossing(fields: list[tuple[bytes, bytes]], changes: set[bytes]) -> list[tuple[bytes, bytes]]:
    """Return the fields that cross unchanged."""
    kept = [(name, value) for name, value in fields if name.lower() not in changes]
    framing = [field for field in kept if field[0].lower() in FRAMING]
    return [field for field in kept if field not in framing] + [(name.lower(), value) for name, value in framing]


def test_the_page_names_what_changes() -> None:
    """The tables are there, and a field that is not in them is not changed."""
    assert {b"host", b"authorization", b"via", b"x-request-id"} <= REQUEST_CHANGES
    assert {b"connection", b"date"} <= ANSWER_CHANGES
    assert not (REQUEST_CHANGES | ANSWER_CHANGES) & {b"cookie", b"accept", b"content-type", b"etag", b"range"}


@pytest.mark.parametrize("request_bytes", REQUESTS, ids=lambda request: repr(request[:20]))
async def test_requests(request_bytes: bytes) -> None:
    """Method, target, body, trailers, and every field but the documented ones: bytes and order."""
    direct, _ = await exchanged(request_bytes, ANSWERS[0], through=False)
    forwarded, _ = await exchanged(request_bytes, ANSWERS[0], through=True)
    assert (forwarded.line, forwarded.body, forwarded.trailers) == (direct.line, direct.body, direct.trailers)
    assert crossing(forwarded.fields, REQUEST_CHANGES) == crossing(direct.fields, REQUEST_CHANGES)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: repr(answer[9:20]))
async def test_answers(answer: bytes) -> None:
    """Status, reason, body, trailers, and every field but the documented ones: bytes and order."""
    _, direct = await exchanged(REQUESTS[0], answer, through=False)
    _, passed = await exchanged(REQUESTS[0], answer, through=True)
    assert passed.head.partition(b"\r\n")[0] == direct.head.partition(b"\r\n")[0]
    assert (passed.body, passed.trailers, passed.whole) == (direct.body, direct.trailers, direct.whole)
    assert crossing(passed.fields, ANSWER_CHANGES) == crossing(direct.fields, ANSWER_CHANGES)
    dates = [value for name, value in direct.fields if name.lower() == b"date"]
    assert passed.values(b"date") == dates or (not dates and len(passed.values(b"date")) == 1)
