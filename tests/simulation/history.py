"""What happened, in virtual time."""

import asyncio
import hashlib
from collections import Counter

from tests.simulation.loop import BEGINNING


class History:
    """Events in their order, the faults among them counted, and every promise that was found broken."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._time = loop.time
        self.events: list[tuple[float, str, tuple[object, ...]]] = []
        self.faults: Counter[str] = Counter()
        self.broken: list[str] = []

    def note(self, what: str, *values: object) -> None:
        """Take note of an event; the values are printed when somebody asks."""
        self.events.append((self._time(), what, values))

    def fault(self, kind: str, *values: object) -> None:
        """Take note of a misfortune that has struck."""
        self.faults[kind] += 1
        self.note("fault: " + kind, *values)

    def broke(self, promise: str, *values: object) -> None:
        """Take note that a promise was broken."""
        self.broken.append(f"{self._time() - BEGINNING:.6f} {promise} {' '.join(map(str, values))}".rstrip())
        self.note("BROKEN: " + promise, *values)

    def lines(self) -> list[str]:
        """Return a line for each event."""
        return [
            f"{at - BEGINNING:12.6f}  {what} {' '.join(map(str, values))}".rstrip() for at, what, values in self.events
        ]

    def digest(self) -> str:
        """Return a hash over everything: two runs of a seed have the same."""
        return hashlib.sha256("\n".join(self.lines()).encode()).hexdigest()
