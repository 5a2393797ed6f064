"""The last entries, bounded by bytes and by number: the oldest make way."""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile

from proxy.inspector.entry import Entry, Shed

BYTES = 32 * 1024 * 1024
# More than anybody reads, and what a page lists without a stall.
ENTRIES = 5_000


class Ring:
    """Holds entries in the order of their numbers, which only rise; a shed one becomes an entry when somebody looks.

    `cleared` counts how often everything was forgotten.
    """

    def __init__(self, most_bytes: int = BYTES, most: int = ENTRIES) -> None:
        self._kept: deque[Entry | Shed] = deque()
        self._sizes: deque[int] = deque()
        self._most_bytes = most_bytes
        self._most = most
        self.size = 0
        self.cleared = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Entry]:
        return map(opened, self._kept)

    def extend(self, kept: Sequence[Entry | Shed]) -> None:
        """Keep what came last; older ones go until there is room, a new one too where it alone is too large."""
        sizes = [each.size for each in kept]
        self._kept.extend(kept)
        self._sizes.extend(sizes)
        self.size += sum(sizes)
        while self.size > self._most_bytes or len(self._sizes) > self._most:
            self._kept.popleft()
            self.size -= self._sizes.popleft()

    def get(self, number: int) -> Entry | None:
        """Return an entry, None where it has gone."""
        place = bisect_left(self._kept, number, key=number_of)
        found = self._kept[place] if place < len(self._kept) else None
        return opened(found) if found is not None and found.number == number else None

    def since(self, number: int) -> list[Entry]:
        """Return the entries behind a number, the oldest first."""
        newest_first = takewhile(lambda each: each.number > number, reversed(self._kept))
        return [opened(each) for each in newest_first][::-1]

    def before(self, number: int, most: int) -> list[Entry]:
        """Return up to `most` entries that lie before a number, the newest first."""
        older = (each for each in reversed(self._kept) if each.number < number)
        return [opened(each) for each in islice(older, most)]

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._sizes.clear()
        self.size = 0
        self.cleared += 1


def opened(kept: Entry | Shed) -> Entry:
    """Return what is kept of an exchange as an entry."""
    return kept if isinstance(kept, Entry) else kept.entry()


def number_of(kept: Entry | Shed) -> int:
    """Return the number of an entry."""
    return kept.number
