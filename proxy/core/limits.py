"""How much the gateway takes, in bytes and counts."""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """`[limits]`."""

    max_header_size: int = 32 * KIB
    replay_buffer: int = 1 * MIB
    replay_spool: int = 64 * MIB
    max_in_flight: int = 1000
    max_origin_connections: int = 512
