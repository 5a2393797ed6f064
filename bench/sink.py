"""The origin of requests with bodies: reads each to its end and answers 1 KB, or the body's SHA-256 for ?sha256.

Arguments: port, port for TLS, file of the certificate with its key. A request without the token gets 401.
"""

import asyncio
import contextlib
import hashlib
import re
import ssl
import sys
from typing import cast

import uvloop

PIECE = 1 << 18
BUFFER = bytearray(PIECE)  # one for all: what is in it is taken before the loop turns
SMALL = b"HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n" + bytes(1024)
REFUSED = b"HTTP/1.1 %b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
TOKEN = re.compile(rb"\r\nauthorization: *Bearer bench0123\r\n", re.IGNORECASE)
FORWARDED = re.compile(rb"\r\nx-forwarded-for: *\S", re.IGNORECASE)


class Sink(asyncio.BufferedProtocol):
    """One connection; one request at a time."""

    def __init__(self) -> None:
        self.head = b""
        self.left = 0
        self.digest: hashlib._Hash | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002  the buffer has one size
        """Return where to read to."""
        return BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read."""
        piece = memoryview(BUFFER)[:nbytes]
        if not self.left:
            self.head += piece
            head, end, body = self.head.partition(b"\r\n\r\n")
            if not end:
                return
            self.head = b""
            if not self.begin(head + b"\r\n"):
                return
            piece = memoryview(body)
        if self.digest:
            self.digest.update(piece)
        self.left -= len(piece)
        if self.left == 0:
            self.answer()

    def begin(self, head: bytes) -> bool:
        """Look at the head of a request; return whether it is one to go on with."""
        length = LENGTH.search(head)
        if not length or not TOKEN.search(head) or not FORWARDED.search(head):
            self.transport.write(REFUSED % (b"401 Unauthorized" if length else b"411 Length Required"))
            self.transport.close()
            return False
        self.left = int(length[1])
        self.digest = hashlib.sha256() if b"?sha256 " in head[: head.index(b"\r\n")] else None
        return True

    def answer(self) -> None:
        """Answer a request whose body is there."""
        if self.digest:
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n" + self.digest.hexdigest().encode())
        else:
            self.transport.write(SMALL)


async def serve(port: int, tls: int, certificate: str) -> None:
    """Serve until the process is ended."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    await loop.create_server(Sink, "127.0.0.1", port, backlog=4096)
    server = await loop.create_server(Sink, "127.0.0.1", tls, ssl=context, backlog=4096)
    with contextlib.suppress(asyncio.CancelledError):
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
