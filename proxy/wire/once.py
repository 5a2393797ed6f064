"""One request on a connection of its own, for a check: its answer as far as it has to be seen."""

import asyncio
import ssl
from typing import cast

from httptools import HttpParserError, HttpResponseParser

from proxy.core.refusal import LOOKED_AT
from proxy.errors import BadUpstream, ConnectionTerminated, OriginError

FINAL = 200  # interim answers are below (RFC 9110 §15.2)
# A head of more than this is no answer to a check, in bytes.
MAX_HEAD = 64 * 1024


class Once(asyncio.Protocol):
    """Sends a head and reads the answer: `status`, `lines` and the beginning of `body`, once `answered` is done."""

    def __init__(self, head: bytes) -> None:
        self.status = 0
        self.lines: list[bytes] = []
        self.body = b""
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lost = asyncio.Event()
        self._head = head
        self._size = 0
        self._parser = HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None

    # --- asyncio
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._head)

    def data_received(self, data: bytes) -> None:
        """Read on, until enough has been seen."""
        if self.answered.done():
            return
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self._end(BadUpstream(cause=type(error).__name__))
        if self._size > MAX_HEAD and not self.status:
            self._end(BadUpstream(cause="the header section is too large"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Take what has come for the answer, if its head is there."""
        cause = "closed by the origin" if exc is None else str(exc)
        self._end(None if self.status else ConnectionTerminated(cause=cause))
        self._lost.set()

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The connection's TLS, None where it is plain."""
        return None if self._transport is None else self._transport.get_extra_info("ssl_object")

    async def close(self) -> None:
        """End the connection, and let go of the answer."""
        if not self.answered.cancel() and not self.answered.cancelled():
            self.answered.exception()  # which nobody may have asked for
        if self._transport is not None:
            self._transport.abort()
            await self._lost.wait()

    # --- httptools
    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a field line."""
        self.lines.append(b"%b: %b\r\n" % (name, value))

    def on_headers_complete(self) -> None:
        """Take the head for the answer's, unless it is an interim one's."""
        if self._parser.get_status_code() < FINAL:
            self.lines.clear()
            return
        self.status = self._parser.get_status_code()
        if self._head.startswith(b"HEAD "):
            self._end()

    def on_body(self, data: bytes) -> None:
        """Keep as much as is looked at."""
        self.body += data
        if len(self.body) >= LOOKED_AT:
            self._end()

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if self.status:
            self._end()

    def _end(self, error: OriginError | None = None) -> None:
        if self.answered.done():
            return
        if error is None:
            self.answered.set_result(None)
        else:
            self.answered.set_exception(error)
