"""How long the gateway waits, in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """`[timeouts]`; `client_header` and `keep_alive` belong to the listener, the others may differ by route."""

    connect: float = 5.0
    response: float = 300.0
    idle: float = 300.0
    client_header: float = 30.0
    keep_alive: float = 75.0
