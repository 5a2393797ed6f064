"""One load of a proxy for some seconds, and what it cost. Wrong answers end the run."""

import http.client
import re
import socket
import statistics
import subprocess
import time
from collections.abc import Callable

from exchanges import Exchange, NoAnswer, Ring, WrongAnswer
from peers import CONFIGS
from stage import REST, Running, Stage, Way, verify

CONNECTIONS = 32
TRANSFERS = 4  # large bodies at a time
RATE = 300  # requests a second, of a latency
SMALLEST = 1024  # bytes of an answer
# With what the origin wants to see when no proxy stands before it.
ASKED = b"GET /1k HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer bench0123\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n"

# What a load returns: figures by name.
Load = Callable[[Stage, Running, float], dict[str, float]]


def gets(target: str, size: int) -> Load:
    """Return a load of small answers: CPU µs for each, and how many of 100 came on a connection used before."""

    def load(stage: Stage, running: Running, seconds: float) -> dict[str, float]:
        accepted, before = stage.accepted(), running.cpu()
        count = wrk(running.port, target, size, seconds)
        spent = running.cpu() - before
        opened = stage.accepted() - accepted - 1  # without the one that asks
        return {"cpu": spent / count * 1e6, "reused": 100 * (1 - opened / count)}

    return load


def posts(target: str, body: int) -> Load:
    """Return a load of small requests with a body: CPU µs for each."""

    def load(stage: Stage, running: Running, seconds: float) -> dict[str, float]:  # noqa: ARG001  the origin is not asked
        before = running.cpu()
        count = wrk(running.port, target, SMALLEST, seconds, body=body)
        return {"cpu": (running.cpu() - before) / count * 1e6}

    return load


def wrk(port: int, target: str, size: int, seconds: float, *, body: int = 0) -> int:
    """Load for some seconds, or longer where a first answer takes longer; return how many requests were answered."""
    for patience in (1, 4, 16):
        if count := counted(port, target, size, patience * seconds, body=body):
            return count
    raise NoAnswer(f"none for {patience * seconds} s")


def counted(port: int, target: str, size: int, seconds: float, *, body: int) -> int:
    """Run wrk; return how many requests it counted. Each status is looked at, and the sum of the lengths."""
    words = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "--timeout", "20s", "-s", str(CONFIGS / "wrk.lua")]
    more = ["POST", str(body)] if body else ["GET", "0"]
    command = ["taskset", "-c", str(REST), "wrk", *words, f"http://127.0.0.1:{port}{target}", "--", *more]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"counted (\d+) (\d+) (\d+)", printed)
    count, octets, wrong = (int(each) for each in found.groups()) if found else (0, 0, 1)
    # What is under way at the end is counted in octets alone; a head has less than 1 KB.
    if wrong or not size * count <= octets <= (size + 1024) * (count + CONNECTIONS):
        raise WrongAnswer(printed)
    return count


def transfers(exchange: Exchange, size: int) -> Load:
    """Return a load of large bodies: MB for a CPU second, in whichever direction."""

    def load(stage: Stage, running: Running, seconds: float) -> dict[str, float]:  # noqa: ARG001  the origin is not asked
        ring = Ring(running.port, [exchange])
        ring.connect(TRANSFERS)
        before = running.cpu()
        count = ring.drive(TRANSFERS, seconds)
        spent = running.cpu() - before
        ring.close()
        return {"rate": count * size / 1e6 / spent}

    return load


def latency(port: int, count: int) -> float:
    """Send small requests one by one at an even pace; return the median of how long each took, in µs."""
    took = []
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        due = time.perf_counter()
        for _ in range(count):
            due += 1 / RATE
            time.sleep(max(0, due - time.perf_counter()))
            began = time.perf_counter()
            sock.sendall(ASKED)
            answer = http.client.HTTPResponse(sock)
            answer.begin()
            body = answer.read()
            took.append(time.perf_counter() - began)
            if answer.status != http.HTTPStatus.OK or len(body) != SMALLEST:
                raise WrongAnswer(f"{answer.status}, {len(body)} bytes")
    return statistics.median(took) * 1e6


def added(stage: Stage, running: Running, seconds: float) -> dict[str, float]:
    """Return the latency at an even pace, and what of it the proxy adds to the origin's own, in µs."""
    direct = latency(stage.plain, int(RATE * seconds / 4))
    through = latency(running.port, int(RATE * seconds))
    return {"latency": through, "added": through - direct}


def checked(load: Load, way: Way, target: str) -> Load:
    """Return a load before which one exchange is compared byte by byte."""

    def loaded(stage: Stage, running: Running, seconds: float) -> dict[str, float]:
        verify(running.port, way, target)
        return load(stage, running, seconds)

    return loaded
