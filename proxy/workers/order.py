"""What a supervisor hands to a worker: the configuration, and the listening sockets by their descriptors."""

import pickle
import socket
import struct
from dataclasses import dataclass

from proxy.config.settings import Config

LENGTH = struct.Struct("!Q")


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is to serve, and where."""

    config: Config
    sockets: tuple[int, ...]


def packed(order: Order) -> bytes:
    """Return an order as it goes over a channel, before the first message."""
    body = pickle.dumps(order)
    return LENGTH.pack(len(body)) + body


def received(sock: socket.socket) -> Order:
    """Wait for the order on a blocking socket. Raises EOFError where the supervisor has gone."""
    (length,) = LENGTH.unpack(_exactly(sock, LENGTH.size))
    # The other end is the process that started this one, and nobody else has it.
    order: Order = pickle.loads(_exactly(sock, length))  # noqa: S301
    return order


def _exactly(sock: socket.socket, count: int) -> bytes:
    """Read so many bytes and no more: behind them come messages."""
    parts = bytearray()
    while len(parts) < count:
        part = sock.recv(count - len(parts))
        if not part:
            raise EOFError("the supervisor has gone")
        parts += part
    return bytes(parts)
