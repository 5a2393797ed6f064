"""Who is told of what is new: server-sent events, at a pace that costs the gateway little."""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from proxy.inspector.capture import Capture
from proxy.inspector.shown import row

# A page is told so often at most, and of so many exchanges at a time: nobody reads more. In seconds.
PACE, MOST = 0.1, 500
# So often it is told the state of the tokens when nothing happens.
REST = 5.0
# Pages beyond are refused.
PAGES = 16
# Numbers of more digits are none of ours.
DIGITS = 16


class Feed:
    """Tells pages of new entries and of tokens. `tokens` returns their state."""

    def __init__(self, capture: Capture, tokens: Callable[[], object]) -> None:
        self._capture = capture
        self._tokens = tokens
        self._bells: set[asyncio.Event] = set()
        # The numbers of another gateway, or of this one before it was started anew, mean nothing here.
        self.boot = secrets.token_hex(4)
        self.ended = False

    def __len__(self) -> int:
        return len(self._bells)

    def ring(self) -> None:
        """There is something new."""
        for bell in self._bells:
            bell.set()

    def end(self) -> None:
        """Tell nobody any more."""
        self.ended = True
        self.ring()

    def place(self, text: str) -> int:
        """Return the number that a place in the feed names, such as `0a1b2c3d-17`; 0 for one of another feed."""
        boot, _, number = text.partition("-")
        return int(number) if boot == self.boot and number.isdigit() and len(number) < DIGITS else 0

    async def tell(self, since: int, write: Callable[[bytes], Awaitable[object]]) -> None:
        """Write what comes behind the entry `since`, until the feed ends or the page has gone."""
        bell = asyncio.Event()
        self._bells.add(bell)
        try:
            while not self.ended:
                self._capture.flush()
                bell.clear()
                since, message = self._message(since)
                await write(message)
                await asyncio.sleep(PACE)
                await rung(bell, REST)
        finally:
            self._bells.discard(bell)

    def _message(self, since: int) -> tuple[int, bytes]:
        """Return the number of the last entry and what there is to tell of those behind `since`."""
        ring = self._capture.ring
        entries = ring.since(since)
        last = entries[-1].number if entries else since
        told: dict[str, Any] = {
            "boot": self.boot,
            "rows": [row(entry) for entry in entries[-MOST:]],
            "kept": len(ring),
            "bytes": ring.size,
            "cleared": ring.cleared,
            "tokens": self._tokens(),
        }
        return last, b"id: %b-%d\ndata: %b\n\n" % (self.boot.encode(), last, orjson.dumps(told))


async def rung(bell: asyncio.Event, within: float) -> None:
    """Wait for a bell, for so many seconds at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            await bell.wait()
