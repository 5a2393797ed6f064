"""What the network between two hosts is like."""

from dataclasses import dataclass
from random import Random


@dataclass(slots=True)
class Line:
    """Latency, windows and reads, and the chance that decides each time.

    `latency` is the longest way in seconds, `window` what the kernels hold in bytes, `read` the most that one read
    gives, `rough` whether a reset destroys what has arrived but has not been read (RFC 9112 §9.6).
    """

    chance: Random
    latency: float = 0.01
    window: int = 65_536
    read: int = 65_536
    rough: bool = False

    def delay(self) -> float:
        """Return how long a segment takes."""
        return self.latency * (0.2 + 0.8 * self.chance.random())

    def cut(self, size: int) -> int:
        """Return how much of what has arrived the next read gives."""
        most = min(size, self.read)
        return most if self.chance.random() < 0.5 else self.chance.randint(1, most)
