"""The last entries, bounded by bytes and by number: the oldest make way."""

from collections import OrderedDict, deque
from collections.abc import Iterator
from itertools import takewhile

from proxy.inspector.entry import Entry

BYTES = 32 * 1024 * 1024
# More than anybody reads, and what a page lists without a stall.
ENTRIES = 5_000


class Ring:
    """Holds entries by their number, which only rises. `cleared` counts how often everything was forgotten."""

    def __init__(self, most_bytes: int = BYTES, most: int = ENTRIES) -> None:
        self._entries: OrderedDict[int, Entry] = OrderedDict()
        self._sizes: deque[int] = deque()
        self._most_bytes = most_bytes
        self._most = most
        self.size = 0
        self.cleared = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def add(self, entry: Entry) -> None:
        """Keep an entry; older ones go until there is room, itself too where it alone is too large."""
        size = entry.size
        self._entries[entry.number] = entry
        self._sizes.append(size)
        self.size += size
        while self.size > self._most_bytes or len(self._sizes) > self._most:
            self._entries.popitem(last=False)
            self.size -= self._sizes.popleft()

    def get(self, number: int) -> Entry | None:
        """Return an entry, None where it has gone."""
        return self._entries.get(number)

    def since(self, number: int) -> list[Entry]:
        """Return the entries behind a number, the oldest first."""
        newest_first = takewhile(lambda entry: entry.number > number, reversed(self._entries.values()))
        return list(newest_first)[::-1]

    def before(self, number: int, most: int) -> list[Entry]:
        """Return up to `most` entries that lie before a number, the newest first."""
        found = []
        for entry in reversed(self._entries.values()):
            if entry.number < number:
                found.append(entry)
                if len(found) == most:
                    break
        return found

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._sizes.clear()
        self.size = 0
        self.cleared += 1
