"""What systemd and a service tell each other: sockets that are open already, the state, the watchdog.

sd_notify(3), sd_listen_fds(3), sd_watchdog_enabled(3). Without systemd nothing is told, and nothing handed over.
"""

import asyncio
import contextlib
import os
import socket
import sys
import time
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass

from proxy.core.address import Address
from proxy.errors import StartError
from proxy.listen import bound

# SD_LISTEN_FDS_START.
FIRST = 3
# FileDescriptorName= of the socket that the admin listener takes.
ADMIN = "admin"
VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
# How long systemd may take to take a datagram, in seconds.
PATIENCE = 1.0
MICRO = 1_000_000


def taken(environ: MutableMapping[str, str]) -> dict[str, str]:
    """Take what systemd says out of an environment, so that no command of ours takes it for its own; return it."""
    return {name: environ.pop(name) for name in VARIABLES if name in environ}


@dataclass(frozen=True, slots=True)
class Handed:
    """The sockets that were handed over: the gateway's, and that of the admin listener if it is among them."""

    gateway: tuple[socket.socket, ...] = ()
    admin: socket.socket | None = None


def handed(told: Mapping[str, str], admin: Address | None) -> Handed:
    """Return the sockets that were handed over to this very process; `admin` is where its admin listener is to be.

    The admin listener gets the socket with its name, else the one at its address; the gateway all others. Raises
    StartError for what nobody can be accepted from.
    """
    if told.get("LISTEN_PID") != str(os.getpid()):
        return Handed()
    count = number(told.get("LISTEN_FDS", ""))
    names = told.get("LISTEN_FDNAMES", "").split(":") + [""] * count
    sockets = [listening(FIRST + index, names[index]) for index in range(count)]
    own = next((sock for sock, name in zip(sockets, names, strict=False) if name == ADMIN), None)
    own = own or next((sock for sock in sockets if bound(sock) == admin), None)
    return Handed(tuple(sock for sock in sockets if sock is not own), own)


def listening(descriptor: int, name: str) -> socket.socket:
    """Return a socket that was handed over; programs that are started do not inherit it. Raises StartError."""
    try:
        os.set_inheritable(descriptor, False)  # noqa: FBT003  the standard library has no other way
        sock = socket.socket(fileno=descriptor)
        if sock.type == socket.SOCK_STREAM and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return sock
        words = "is no listening stream socket: the socket unit needs ListenStream= and Accept=no"
    except OSError as error:
        words = f"cannot be used: {error.strerror}"
    raise StartError(f"socket {descriptor} ({name or 'without a name'}), handed over by systemd, {words}")


def number(text: str) -> int:
    """Return a count, 0 for what is none."""
    return int(text) if text.isascii() and text.isdigit() else 0


class Notice:
    """Tells systemd how the service is, and that it is alive; `told` is what systemd has said of that."""

    def __init__(self, told: Mapping[str, str]) -> None:
        address = told.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address  # unix(7): an abstract name
        ours = told.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._interval = number(told.get("WATCHDOG_USEC", "")) / MICRO / 2 if ours and self._address else 0.0
        self._timer: asyncio.TimerHandle | None = None

    def ready(self, status: str) -> None:
        """Clients are served, at first or again after a reload."""
        self._send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """The configuration is being read; `ready` is told afterwards, whatever comes of it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, within: float) -> None:
        """The end has begun, and may take so many seconds."""
        self._send("STOPPING=1", f"EXTEND_TIMEOUT_USEC={round(within * MICRO)}", "STATUS=draining")

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Show, twice as often as systemd asks for, that the loop turns, until `close`."""
        if self._interval:
            self._send("WATCHDOG=1")
            self._timer = loop.call_later(self._interval, self.watch, loop)

    def close(self) -> None:
        """Show nothing more."""
        if self._timer is not None:
            self._timer.cancel()

    def _send(self, *lines: str) -> None:
        if not self._address or sys.platform == "win32":
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(PATIENCE)
            sock.sendto("\n".join(lines).encode(), self._address)


def sentence(addresses: Sequence[Address]) -> str:
    """Return the state of a gateway in one line."""
    return f"listening on {', '.join(map(str, addresses))}"
