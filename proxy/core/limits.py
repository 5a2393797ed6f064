"""How much the gateway takes, in bytes and counts."""

from dataclasses import dataclass, replace

KIB = 1024
MIB = 1024 * KIB

# Files that are neither a client's nor an origin's: listeners, logins, the admin listener, the log, bodies on the disk.
OTHER_FILES = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """`[limits]`; a `max_body_size` of 0 is none."""

    max_header_size: int = 32 * KIB
    max_body_size: int = 0
    replay_buffer: int = 1 * MIB
    replay_spool: int = 64 * MIB
    max_connections: int = 10_000
    max_in_flight: int = 1000
    max_origin_connections: int = 512

    @property
    def max_body(self) -> float:
        """The greatest body, in bytes; infinite where there is no limit."""
        return self.max_body_size or float("inf")

    def share(self, workers: int) -> "Limits":
        """Return what each of so many processes may take, so that all of them together take what is configured."""
        connections, in_flight, origin = (
            max(1, -(-limit // workers))
            for limit in (self.max_connections, self.max_in_flight, self.max_origin_connections)
        )
        return replace(self, max_connections=connections, max_in_flight=in_flight, max_origin_connections=origin)

    def connections(self, origins: int, files: float) -> int:
        """Return how many clients a process that may open so many `files` accepts: no more than there are files for.

        What the connections to `origins` may take is set aside, up to half: a request takes one of each.
        """
        left = int(min(files, 2**31)) - OTHER_FILES
        aside = min(self.max_origin_connections * origins, left // 2)
        return max(1, min(self.max_connections, left - aside))
