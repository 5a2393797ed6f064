"""Pipelines of requests with something wrong in them, by seed, and an origin that judges what reaches it."""

import re
from random import Random

from tests.fakes.origin import Visit

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
LINE = re.compile(rb"%b [!-~]+ HTTP/1\.1" % TOKEN)
FIELD = re.compile(rb"%b: [\t -~\x80-\xff]*" % TOKEN)
SIZE = re.compile(rb"[0-9a-f]+\r\n")
# What may stand in a head once.
ONCE = (b"host", b"content-length", b"transfer-encoding", b"expect", b"connection", b"via")
FRAMING = (b"content-length", b"transfer-encoding")

FIELDS = (
    b"", b"Authorization: evil\r\n", b"X: y\r\n", b"Connection: keep-alive\r\n", b"Connection: X, authorization\r\n",
    b"Expect: 100-continue\r\n", b"Upgrade: websocket\r\nConnection: upgrade\r\n", b"Via: 1.0 x\r\n",
    b"TE: trailers\r\nConnection: TE\r\n",
)  # fmt: skip
CHUNKS = b"5\r\nhello\r\n3;a=b\r\nabc\r\n0\r\nT: u\r\nAuthorization: evil\r\n\r\n"
REQUESTS = (
    b"GET /a HTTP/1.1\r\nHost: g\r\n%b\r\n",
    b"GET /a HTTP/1.1\r\nHost: g\r\n%b\r\n",
    b"GET /b HTTP/1.0\r\nHost: g\r\nConnection: keep-alive\r\n%b\r\n",
    b"POST /c HTTP/1.1\r\nHost: g\r\n%bContent-Length: 5\r\n\r\nhello",
    b"POST /d HTTP/1.1\r\nHost: g\r\n%bTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    b"POST /iam/login HTTP/1.1\r\nHost: g\r\n%bContent-Length: 30\r\n\r\nGET /e HTTP/1.1\r\nHost: ev\r\n\r\nx",
)
BITS = (
    b"\r", b"\n", b"\r\n", b" ", b"\t", b"\0", b":", b";", b",", b"0", b"\x0b", b"\xff", b"\r\n ", b"\n\n", b"\n\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Content-Length: 3\r\n", b"Content-Length: 0\r\n", b"Host: h\r\n",
    b"Transfer-Encoding:\tchunked\r\n", b"Transfer-Encoding: identity\r\n", b"Connection: close\r\n", b"%00",
    b"authorization: evil\r\n", b"Authorization : evil\r\n", b"0\r\n\r\n",
)  # fmt: skip


def pipeline(choose: Random) -> bytes:
    """Return a few requests in a row, most of them no longer what they should be."""
    return b"".join(
        mutated(choose, choose.choice(REQUESTS) % choose.choice(FIELDS)) for _ in range(choose.randrange(1, 5))
    )


def mutated(choose: Random, request: bytes) -> bytes:
    """Return the request with up to three places changed: something put in, taken out, or another byte."""
    data = bytearray(request)
    for _ in range(choose.choice((0, 1, 1, 2, 3))):
        starts = [match.end() for match in re.finditer(rb"\r\n", data)]
        at = choose.choice(starts) if starts and choose.random() < 0.5 else choose.randrange(len(data))
        change = choose.random()
        if change < 0.6:
            data[at:at] = choose.choice(BITS)
        elif change < 0.8:
            del data[at : at + choose.randrange(1, 3)]
        else:
            data[at : at + 1] = bytes((choose.randrange(256),))
    return bytes(data)


class Judge:
    """An origin that takes nothing but what RFC 9112 allows a client to send, and notes all else as `faults`."""

    def __init__(self) -> None:
        self.faults: list[object] = []

    async def script(self, visit: Visit) -> None:
        """Send each body back to whence it came."""
        while True:
            head = await visit.head()
            self.faults += faults_of(head)
            body = await self._body(visit, dict(fields_of(head)))
            await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async def _body(self, visit: Visit, fields: dict[bytes, bytes]) -> bytes:
        if b"transfer-encoding" not in fields:
            return await visit.reader.readexactly(int(fields.get(b"content-length", b"0")))
        body = b""
        while (line := await visit.reader.readuntil(b"\r\n")) != b"0\r\n":
            if not SIZE.fullmatch(line):
                self.faults.append(("size", line))
            body += await visit.reader.readexactly(int(line, 16))
            if await visit.reader.readexactly(2) != b"\r\n":
                self.faults.append(("end of chunk", body))
        while (line := await visit.reader.readuntil(b"\r\n")) != b"\r\n":
            if not FIELD.fullmatch(line[:-2]) or line.lower().startswith(b"authorization"):
                self.faults.append(("trailer", line))
        return body


def fields_of(head: bytes) -> list[tuple[bytes, bytes]]:
    """Return the lower-case names and the values in a head, as far as there are any."""
    lines = head[:-4].split(b"\r\n")[1:]
    return [(name.lower(), value[1:]) for name, _, value in (line.partition(b":") for line in lines)]


def faults_of(head: bytes) -> list[object]:
    """Return what a head should not have been sent with."""
    line, *lines = head[:-4].split(b"\r\n")
    names = [name for name, _ in fields_of(head)]
    credentials = [value for name, value in fields_of(head) if name == b"authorization"]
    wrong = {
        "line": not LINE.fullmatch(line),
        "field": not all(FIELD.fullmatch(each) for each in lines),
        "twice": any(names.count(name) > 1 for name in ONCE),
        "framing": sum(names.count(name) for name in FRAMING) > 1,
        "no host": b"host" not in names,
        "credential": credentials != [b"Bearer token-1"],
        "denied": re.match(rb"\S+ /iam/login[ ?/]", line),
    }
    return [(name, head) for name, is_so in wrong.items() if is_so]
