"""The stage: an nginx that serves, a sink that reads, and the proxies that are started in front of them."""

import contextlib
import hashlib
import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import trustme
from exchanges import NoAnswer
from peers import CONFIGS, HERE, NGINX, Peer, Place, rendered
from processes import cpu, end, family, free_port, pinned, resident, until_open

PROXIES, REST = 0, 1  # cores: of the proxy that is measured; of the origin and the load
SMALL, MIDDLE, LARGE = bytes(i % 26 + 97 for i in range(1024)), os.urandom(100_000), os.urandom(10_000_000)
PATIENCE = 15  # seconds for a start
BODIES = {"/1k": SMALL, "/100k": MIDDLE, "/10m": LARGE}


class Way(NamedTuple):
    """Which origin, how it speaks, and whether the proxy logs."""

    tls: bool = False
    logged: bool = False
    sink: bool = False


class CannotRun(Exception):
    """A proxy that is left out, and why."""


@dataclass
class Running:
    """A proxy that has answered."""

    peer: Peer
    place: Place
    process: "subprocess.Popen[bytes]"

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.place.port

    def cpu(self) -> float:
        """Return the CPU time that it has had, in seconds; raises NoAnswer if it has ended."""
        if self.process.poll() is not None:
            raise NoAnswer("the process has ended")
        return cpu(self.process.pid)

    def resident(self) -> float:
        """Return the resident memory of all its processes, in KB."""
        return sum(resident(each) for each in family(self.process.pid)) * 1024


@dataclass
class Stage:
    """The folder of a run, and the ports of its origins."""

    folder: Path
    plain: int
    tls: int
    sink: int
    sink_tls: int

    @contextlib.contextmanager
    def running(self, peer: Peer, way: Way) -> Iterator[Running]:
        """Start a proxy and end it; raises CannotRun if it does not answer."""
        if reason := peer.missing():
            raise CannotRun(reason)
        place = self.place(way)
        process = start(peer, place)
        try:
            until_answered(place, process, way)
            yield Running(peer, place, process)
        finally:
            end(process)

    def place(self, way: Way) -> Place:
        """Return a new place for a proxy."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        folder.chmod(0o755)
        port, admin = free_port(), free_port()
        origin = (self.sink_tls if way.tls else self.sink) if way.sink else (self.tls if way.tls else self.plain)
        return Place(folder, port, admin, origin, self.plain, self.folder / "ca.pem" if way.tls else None, way.logged)

    def accepted(self) -> int:
        """Return how many connections the serving origin has accepted, that of this question included."""
        return int(exchange(self.plain, "/status").decode().split()[7])


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    """Start the origins, and end them."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)  # nginx serves as another user
        certify(folder)
        (folder / "www").mkdir()
        for target, body in BODIES.items():
            (folder / "www" / target[1:]).write_bytes(body)
        where = Stage(folder, *(free_port() for _ in range(4)))
        ports = {"plain": where.plain, "tls": where.tls, "folder": folder, "1k": SMALL.decode()}
        (folder / "origin.conf").write_text(rendered(CONFIGS / "origin.conf", set(), **ports))
        sink = [sys.executable, str(HERE / "sink.py"), str(where.sink), str(where.sink_tls), str(folder / "server.pem")]
        suites = {"OPENSSL_CONF": str(CONFIGS / "openssl.cnf")}
        for command in [NGINX, "-c", str(folder / "origin.conf"), "-e", str(folder / "error.log")], sink:
            stack.callback(end, pinned(command, REST, suites, folder / "origins.log"))
        for port in where.plain, where.tls, where.sink, where.sink_tls:
            until_open(port)
        yield where


def certify(folder: Path) -> None:
    """Write the origin's certificate with its key, and the throwaway authority that vouches for it."""
    ca = trustme.CA()
    ca.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    ca.cert_pem.write_to_path(folder / "ca.pem")


def start(peer: Peer, place: Place) -> "subprocess.Popen[bytes]":
    """Start a proxy."""
    return pinned(peer.command(place), PROXIES, says=place.folder / "output.log")


def until_answered(place: Place, process: "subprocess.Popen[bytes]", way: Way) -> float:
    """Wait for the first right answer, and return when it was there.

    Raises CannotRun with what the proxy said last, or WrongBody if it still answers wrongly when patience ends.
    """
    until = time.monotonic() + PATIENCE
    while process.poll() is None:
        try:
            verify(place.port, way)
            return time.perf_counter()
        except WrongBody:  # it may not have logged in yet
            if time.monotonic() > until:
                raise
        except (OSError, http.client.HTTPException):
            if time.monotonic() > until:
                break
        time.sleep(0.002)
    said = (place.folder / "output.log").read_text(errors="replace").strip().splitlines()
    raise CannotRun(f"does not answer: {said[-1] if said else 'and says nothing'}")


class WrongBody(Exception):
    """An answer that is not what the origin has."""


def verify(port: int, way: Way, target: str = "/1k") -> None:
    """Let one exchange pass and compare every byte of its body, sent or received; raises WrongBody."""
    digest = hashlib.sha256(BODIES[target]).hexdigest()
    if way.sink:
        found = exchange(port, "/?sha256", BODIES[target]).decode()
    else:
        found = hashlib.sha256(exchange(port, target)).hexdigest()
    if found != digest:
        raise WrongBody(f"{target}: another body")


def exchange(port: int, target: str, body: bytes | None = None) -> bytes:
    """Return the body of one answer; raises WrongBody for any status but 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST" if body is not None else "GET", target, body)
        answer = connection.getresponse()
        got = answer.read()
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise WrongBody(f"{target}: {answer.status} {got[:200]!r}")
    return got
