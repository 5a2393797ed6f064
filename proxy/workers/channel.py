"""Messages between supervisor and worker: one JSON object a line, over a pair of sockets that nobody else has."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

import orjson

Message = Mapping[str, Any]

# How often a worker says unasked what it has counted, in seconds: should it die, no more than that is lost.
TELL_EVERY = 5.0


class Channel(asyncio.Protocol):
    """One end. `heard` is called with each message, in order; `lost` once, when the other end is gone."""

    def __init__(self, heard: Callable[[Message], None], lost: Callable[[], None]) -> None:
        self._heard = heard
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is on the loop."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hand on whole lines; the rest waits for its end."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._heard(orjson.loads(line))

    def connection_lost(self, exc: Exception | None) -> None:
        """The other process has ended, or this end was closed."""
        del exc
        self._transport = None
        self._lost()

    def write(self, data: bytes) -> None:
        """Send bytes ahead of all messages."""
        if self._transport is not None:
            self._transport.write(data)

    def send(self, message: Message) -> bool:
        """Send a message; return whether there is anybody to read it."""
        if self._transport is None:
            return False
        self._transport.write(orjson.dumps(message) + b"\n")
        return True

    def close(self) -> None:
        """Say nothing more."""
        if self._transport is not None:
            self._transport.close()
