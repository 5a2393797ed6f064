"""Accepting: clients are taken on as long as there is room for them; the next waits in the kernel."""

import asyncio
import contextlib
import socket
from collections.abc import Callable

from proxy.wire.client import UNIX, ClientConnection
from proxy.wire.clients import Clients
from proxy.wire.connection import Wire
from proxy.wire.handshake import Handshake
from proxy.wire.sweep import NEVER

# What is accepted in one turn of the loop: those who are connected have their turns in between.
BURST = 64
# How long accepting rests when no file can be opened for another client, in seconds (asyncio's servers rest as long).
REST = 1.0
# How often that is told, in seconds.
TOLD_EVERY = 60.0


class Listener:
    """Accepts the clients of one listening socket, for as long as they are not too many.

    The servers of asyncio and uvloop accept whatever comes, and know no pause. Where no file can be opened the one
    tries a hundred times over and the other closes the connection. With `tls` each new connection begins with that;
    it may be another from one moment to the next.
    """

    def __init__(
        self,
        wire: Wire,
        sock: socket.socket,
        clients: Clients,
        connect: Callable[[str], ClientConnection],
        starved: Callable[[OSError], None],
        tls: Handshake | None = None,
    ) -> None:
        self.deadline = NEVER  # when to look again, while accepting is paused
        self._wire = wire
        self._sock = sock
        self._clients = clients
        self._connect = connect
        self._starved = starved
        self.tls = tls
        self._open = self._paused = True
        self._told = float("-inf")
        self._joining: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Accept from now on."""
        self._sock.setblocking(False)  # noqa: FBT003  the standard library has no other way
        self._wire.sweep.watched.add(self)
        self._resume()

    def fileno(self) -> int:
        """Return the descriptor of its socket."""
        return self._sock.fileno()

    def close(self) -> None:
        """Accept nobody any more; who is not connected in full yet is a client like the others."""
        if not self._open:
            return
        self._open = False
        if not self._paused:
            self._wire.loop.remove_reader(self._sock)
        self._wire.sweep.watched.discard(self)
        self._sock.close()

    # --- room
    def _resume(self) -> None:
        if self._open and self._paused:
            self._paused, self.deadline = False, NEVER
            self._wire.loop.add_reader(self._sock, self._accept)

    def _pause(self, seconds: float) -> None:
        """Accept nobody until a client has gone, or the time is over; one that is idle goes for those who wait."""
        self._paused = True
        self._wire.loop.remove_reader(self._sock)
        self.deadline = self._wire.sweep.after(seconds)
        self._clients.wait(self._resume)
        self._clients.make_room(self._wire.sweep.now)

    def expired(self) -> None:
        """Look again."""
        self._resume()

    # --- who comes
    def _accept(self) -> None:
        """Somebody waits to be accepted."""
        room = self._clients.room
        if not room:
            self._pause(0)
        for _ in range(min(BURST, room)):
            try:
                sock, address = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # too many open files, or no memory for one
                self._rest(error)
                return
            self._join(sock, address[0] if isinstance(address, tuple) else UNIX)

    def _rest(self, error: OSError) -> None:
        now = self._wire.sweep.now
        if now >= self._told + TOLD_EVERY:
            self._told = now
            self._starved(error)
        self._pause(REST)

    def _join(self, sock: socket.socket, address: str) -> None:
        """Connect a client that has been accepted; it counts from now on."""
        client = self._connect(address)
        client.listener = self
        task = self._wire.loop.create_task(self._connected(client, sock))
        client.joining = task
        self._joining.add(task)
        task.add_done_callback(lambda done: self._joined(done, client, sock))

    async def _connected(self, client: ClientConnection, sock: socket.socket) -> None:
        if self.tls is not None:
            await self.tls.shake(client, sock)
        else:
            with contextlib.suppress(OSError):  # it has gone already
                await self._wire.loop.connect_accepted_socket(lambda: client, sock)

    def _joined(self, task: "asyncio.Task[None]", client: ClientConnection, sock: socket.socket) -> None:
        self._joining.discard(task)
        if client.joining is not None:  # it has not come to be connected, so its end is told to nobody else
            client.joining = None
            self._clients.discard(client)
            sock.close()
