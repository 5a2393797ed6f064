"""Streams through the gateway: delay of server-sent events, memory under a slow reader, latency under slow senders.

An origin, the gateway and the slow senders run as processes of their own, on loopback; what is compared is measured
side by side in one run, which takes less than a minute (with --full, three more).
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import resource
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import NamedTuple

from cpu import row
from processes import end, free_port, gateway, resident, until_open

EVENTS, EVERY = 100, 0.01  # events of each stream in a round, and seconds between them
BIG, PACE, SHORT = 200_000_000, 1_000_000, 20_000_000  # bytes of /big, read in a second, read without --full
STEP = 0.05  # seconds between two looks at the gateway's memory
SLOW, SLOWLY = 1000, 0.1  # connections that never end their header section, and seconds between two bytes of each
GETS, BESIDE = 2000, 1000  # requests of a phase: through the gateway, and to the origin itself
SMALL = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"


class Place(NamedTuple):
    """Where the origin and the gateway listen, and the gateway's process."""

    origin: int
    gateway: int
    pid: int


# --- the origin
def origin(port: int) -> None:
    """Serve until the process is ended."""
    asyncio.run(serve_origin(port))


async def serve_origin(port: int) -> None:
    """Answer /iam/login, /events and /big; whatever else with a few bytes."""
    server = await asyncio.start_server(serve_client, "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


async def serve_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection until its client is gone."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            _, found, length = head.partition(b"content-length:")
            await reader.readexactly(int(length.split(b"\r\n")[0]) if found else 0)
            await answer(head.split(b" ")[1], writer)
    writer.close()


async def answer(target: bytes, writer: asyncio.StreamWriter) -> None:
    """Send one answer."""
    if target == b"/events":
        await send_events(writer)
    elif target == b"/big":
        await send_zeros(writer)
    elif target == b"/iam/login":
        token = b'{"token":"bench0123","token_duration":3600}'
        kind = b"Content-Type: application/json"
        writer.write(b"HTTP/1.1 200 OK\r\n%b\r\nContent-Length: %d\r\n\r\n%b" % (kind, len(token), token))
    else:
        writer.write(SMALL)


async def send_events(writer: asyncio.StreamWriter) -> None:
    """Send events that hold the time at which they are sent."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    due = time.monotonic()
    for _ in range(EVENTS):
        due += EVERY  # by the clock, so that two streams keep their distance
        await asyncio.sleep(due - time.monotonic())
        event = b"data: %d\n\n" % time.monotonic_ns()
        writer.write(b"%x\r\n%b\r\n" % (len(event), event))
    writer.write(b"0\r\n\r\n")


async def send_zeros(writer: asyncio.StreamWriter) -> None:
    """Send a large answer, as fast as it is taken."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG)
    piece = bytes(50_000)
    for _ in range(BIG // len(piece)):
        writer.write(piece)
        await writer.drain()


@contextlib.contextmanager
def place() -> Iterator[Place]:
    """Start an origin and a gateway, and end both."""
    ports = free_port(), free_port()
    behind = multiprocessing.Process(target=origin, args=(ports[0],), daemon=True)
    behind.start()
    process = gateway(*ports, core=0)
    try:
        for port in ports:
            until_open(port)
        latency(ports[1], GETS)  # the login, and what is made once
        yield Place(*ports, process.pid)
    finally:
        end(process)
        behind.terminate()
        behind.join()


# --- server-sent events
def events(rounds: int) -> list[str]:
    """Read the same stream directly and through the gateway; return the lines of the table."""
    delays: tuple[list[float], list[float]] = ([], [])
    added = []
    with place() as at:
        for _ in range(rounds):
            direct, through = asyncio.run(both(at))
            delays[0].extend(direct)
            delays[1].extend(through)
            added.append(statistics.median(through) - statistics.median(direct))
    return [
        row("event delay, directly", delays[0], "ms"),
        row("event delay, through the gateway", delays[1], "ms"),
        row("added, between medians of a round", added, "ms (goal: <= 5)"),
    ]


async def both(at: Place) -> tuple[list[float], list[float]]:
    """Read two streams at the same time, whose events alternate."""
    return await asyncio.gather(delays_of(at.origin, 0), delays_of(at.gateway, EVERY / 2))


async def delays_of(port: int, after: float) -> list[float]:
    """Read one stream; return how old each event was when it came, in ms."""
    await asyncio.sleep(after)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    delays = []
    while (line := await reader.readline()) not in (b"0\r\n", b""):
        if line.startswith(b"data: "):
            delays.append((time.monotonic_ns() - int(line[6:])) / 1e6)
    writer.close()
    if len(delays) != EVENTS:
        raise SystemExit(f"{len(delays)} events of {EVENTS} came from port {port}")
    return delays


# --- a slow reader
def slow_reader(*, full: bool) -> list[str]:
    """Read a large answer slowly; return the lines of the table."""
    with place() as at:
        time.sleep(1)
        before = resident(at.pid)
        began = time.monotonic()
        during = list(read_slowly(at, BIG if full else SHORT))
        speed = (BIG if full else SHORT) / (time.monotonic() - began) / 1e6
    return [
        row("slow reader: read in a second", [speed], "MB"),
        row("slow reader: growth of memory", [each - before for each in during], "MiB (goal: max < 8)"),
    ]


def read_slowly(at: Place, size: int) -> Iterator[float]:
    """Read so much of a large answer at an even pace; yield the gateway's memory as it goes."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)  # before it connects: the window follows from it
        sock.settimeout(10)
        sock.connect(("127.0.0.1", at.gateway))
        sock.sendall(b"GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n")
        began, got = time.monotonic(), 0
        while got < size:
            due = min(size, int((time.monotonic() - began) * PACE))
            while got < due:
                data = sock.recv(min(65536, due - got))
                if not data:
                    raise SystemExit(f"the answer ended after {got} bytes")
                got += len(data)
            yield resident(at.pid)
            time.sleep(STEP)


# --- slow senders
def slow_senders(rounds: int) -> list[str]:
    """Measure latency without and with slow senders, in turn; return the lines of the table."""
    alone, among, beside, grown = [], [], [], []
    sent: list[float] = []
    with place() as at:
        time.sleep(1)
        before = resident(at.pid)
        for _ in range(rounds):
            alone.append(latency(at.gateway, GETS))
            quiet = latency(at.origin, BESIDE)
            with senders(at.gateway, sent):
                among.append(latency(at.gateway, GETS))
                beside.append(latency(at.origin, BESIDE) / quiet)
                grown.append((resident(at.pid) - before) * 1024 / SLOW)
    return [
        row("GET, alone", alone, "µs"),
        row(f"GET, among {SLOW} slow senders", among, "µs"),
        row("among / alone", [b / a for a, b in zip(alone, among, strict=True)], "(goal: < 1.5)"),
        row("the same, at the origin itself", beside, "(what the machine does to it)"),
        row("bytes that the slow ones sent", sent, "in a second"),
        row("memory of a slow sender, round 1", grown[:1], "KiB"),
        row("the same, last round", grown[-1:], "KiB (more: not freed in between)"),
    ]


def latency(port: int, times: int) -> float:
    """Send small requests one by one on one connection; return the median of how long each took, in µs."""
    took = []
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(times):
            began = time.perf_counter()
            sock.sendall(b"GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n")
            data = sock.recv(65536)
            while data and not data.endswith(b"\r\n\r\nok\n"):
                data += sock.recv(65536)
            took.append(time.perf_counter() - began)
            if not data.startswith(b"HTTP/1.1 200 "):
                raise SystemExit(f"wrong answer: {data!r}")
    return statistics.median(took) * 1e6


@contextlib.contextmanager
def senders(port: int, sent: list[float]) -> Iterator[None]:
    """Keep slow senders connected meanwhile; add to `sent` how many bytes they have sent in a second."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.Process(target=send_slowly, args=(port, there), daemon=True)
    process.start()
    try:
        here.recv()
        time.sleep(1)
        yield
        here.send("enough")
        rate, lost = here.recv()
    finally:
        process.terminate()
        process.join()
    if lost:
        raise SystemExit(f"the gateway has ended {lost} slow connections")
    sent.append(rate)
    time.sleep(0.5)  # the gateway still takes leave of them


def send_slowly(port: int, pipe: Connection) -> None:
    """Connect many times and send a byte on each connection in turn, evenly, until told to stop."""
    head = b"GET /small HTTP/1.1\r\nHost: localhost\r\nX-Slow: ".ljust(4000, b"a")
    clients = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(SLOW)]
    pipe.send("connected")
    began, done = time.monotonic(), 0
    while not pipe.poll(0.001):
        due = int((time.monotonic() - began) / SLOWLY * SLOW)
        for number in range(done, due):
            turn, which = divmod(number, SLOW)
            with contextlib.suppress(ConnectionError):
                clients[which].send(head[turn : turn + 1])
        done = due
    pipe.send((done / (time.monotonic() - began), sum(not waits(sock) for sock in clients)))


def waits(sock: socket.socket) -> bool:
    """Return whether a connection is open and has got no answer."""
    sock.setblocking(False)  # noqa: FBT003  the standard library has no other way
    try:
        sock.recv(1)
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    return False


def main() -> None:
    """Parse the command line, measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of events and drip (default: %(default)s)")
    parser.add_argument("--full", action="store_true", help="the slow reader reads all 200 MB, not 20")
    parser.add_argument("--only", choices=("events", "reader", "drip"), help="measure one of the three")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    parts: dict[str, Callable[[], list[str]]] = {
        "events": lambda: events(options.rounds),
        "reader": lambda: slow_reader(full=options.full),
        "drip": lambda: slow_senders(options.rounds),
    }
    lines: list[str] = []
    for name, part in parts.items():
        if options.only in (None, name):
            print(f"  {name} …", flush=True)
            lines += part()
    print(f"\n{'':<34} {'min':>8} {'median':>8} {'max':>8}", *lines, sep="\n")


if __name__ == "__main__":
    main()
