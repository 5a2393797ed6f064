"""A client for what wrk cannot do: large bodies both ways, and requests that go around many connections.

Each answer's status and length are looked at; what is wrong ends the run.
"""

import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

BUFFER = memoryview(bytearray(1 << 20))
READ, WRITE = select.EPOLLIN, select.EPOLLOUT


class Exchange(NamedTuple):
    """What is sent, and how long the body of its answer is, in bytes."""

    request: bytes
    size: int


class WrongAnswer(Exception):
    """An answer that is not the origin's."""


class NoAnswer(Exception):
    """A connection that was ended, or nothing for too long."""


def get(target: str, size: int) -> Exchange:
    """Return a request without a body."""
    return Exchange(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), size)


def post(target: str, body: bytes, size: int) -> Exchange:
    """Return a request with a body."""
    head = f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    return Exchange(head.encode() + body, size)


class Client:
    """One connection, and the exchange on it."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)  # noqa: FBT003  the standard library has no other way
        self.unsent = memoryview(b"")
        self.head = b""
        self.size = self.left = 0

    def begin(self, exchange: Exchange) -> bool:
        """Send a request; return whether a part of it could not be sent yet."""
        self.unsent = memoryview(exchange.request)
        self.head, self.size, self.left = b"", exchange.size, -1
        return self.write()

    def write(self) -> bool:
        """Send what can be sent; return whether something is left."""
        try:
            while self.unsent:
                self.unsent = self.unsent[self.sock.send(self.unsent) :]
        except BlockingIOError:
            return True
        return False

    def read(self) -> bool:
        """Read what is there; return whether the answer is complete."""
        got = self.sock.recv_into(BUFFER)
        if not got:
            raise NoAnswer(f"the connection ended after {self.head!r}, {self.left} bytes short")
        if self.left < 0:
            self.head += BUFFER[:got]
            got = self.begun()
        self.left -= got
        if self.left < 0 and b"\r\n\r\n" in self.head:
            raise WrongAnswer(f"more than was announced: {self.head!r}")
        return self.left == 0

    def begun(self) -> int:
        """Look at the head once it is complete; return how much of the body has come with it."""
        head, end, body = self.head.partition(b"\r\n\r\n")
        if not end:
            return 0
        lines = head.lower().split(b"\r\n")
        if not lines[0].startswith(b"http/1.1 200 ") or b"content-length: %d" % self.size not in lines:
            raise WrongAnswer(f"not 200 with {self.size} bytes: {head!r}")
        self.left = self.size
        return len(body)


class Ring:
    """Connections that take their turns, some of them at a time, with exchanges that take theirs."""

    def __init__(self, port: int, exchanges: Sequence[Exchange]) -> None:
        self.port, self.exchanges = port, exchanges
        self.idle: deque[Client] = deque()
        self.busy: dict[int, Client] = {}
        self.poll = select.epoll()
        self.begun = self.done = 0

    def connect(self, count: int, in_flight: int = 32, within: float = 30) -> None:
        """Open so many connections more within some seconds, and let one exchange pass on each."""
        until = time.monotonic() + within
        for number in range(count):
            if time.monotonic() > until:
                raise NoAnswer(f"{number} of {count} connections within {within} s")
            client = Client(self.port)
            self.poll.register(client.sock, READ)
            self.begin(client)
            while len(self.busy) >= in_flight:
                self.turn()
        self.finish()

    def drive(self, in_flight: int, seconds: float) -> int:
        """Keep so many exchanges going for some seconds; return how many have passed."""
        before, until = self.done, time.monotonic() + seconds
        while time.monotonic() < until:
            while self.idle and len(self.busy) < in_flight:
                self.begin(self.idle.popleft())
            self.turn()
        self.finish()
        return self.done - before

    def finish(self) -> None:
        """Let the exchanges end that are under way."""
        while self.busy:
            self.turn()

    def begin(self, client: Client) -> None:
        """Begin the next exchange on a connection."""
        exchange = self.exchanges[self.begun % len(self.exchanges)]
        self.begun += 1
        self.busy[client.sock.fileno()] = client
        if client.begin(exchange):
            self.poll.modify(client.sock, READ | WRITE)

    def turn(self) -> None:
        """Wait for something to happen, and go on with it."""
        happened = self.poll.poll(10)
        if not happened:
            raise NoAnswer("no answer within 10 s")
        for number, events in happened:
            client = self.busy.get(number)
            if client is None:
                raise NoAnswer("an idle connection was ended, or got something")
            if events & WRITE and not client.write():
                self.poll.modify(number, READ)
            if events & ~WRITE and client.read():
                del self.busy[number]
                self.idle.append(client)
                self.done += 1

    def close(self) -> None:
        """Close all connections."""
        for client in (*self.idle, *self.busy.values()):
            client.sock.close()
        self.poll.close()
