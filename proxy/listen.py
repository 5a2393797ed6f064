"""Listening sockets, opened before anything else so that a taken port is said at once."""

import os
import socket
import stat
from pathlib import Path

from proxy.core.address import Address, TcpAddress, UnixAddress
from proxy.errors import StartError

# What the kernel keeps for us while a turn of the loop is busy: a burst of clients is not turned away.
BACKLOG = 2048


def open_socket(address: Address) -> socket.socket:
    """Return a listening socket, so that a taken port is said now. Raises StartError that says what to do."""
    try:
        return _open_unix(address.path) if isinstance(address, UnixAddress) else _open_tcp(address)
    except OSError as error:
        raise StartError(f"cannot listen on {address}: {error.strerror or error}; {_advice(address)}") from None


def bound(sock: socket.socket) -> Address:
    """Return the address that a socket has got."""
    name = sock.getsockname()
    return UnixAddress(name) if isinstance(name, str) else TcpAddress(name[0], name[1])


def _open_tcp(address: TcpAddress) -> socket.socket:
    family, kind, proto, _, name = socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    sock = socket.socket(family, kind, proto)
    try:
        if os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(name)
        sock.listen(BACKLOG)  # with SO_REUSEADDR two may bind to one port: only listening takes it
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)  # noqa: FBT003  the standard library has no other way
    return sock


def _open_unix(path: str) -> socket.socket:
    if _abandoned(path):
        Path(path).unlink()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(path)
        Path(path).chmod(0o600)  # interface.md: before it listens, so nobody slips in
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)  # noqa: FBT003  the standard library has no other way
    return sock


def _abandoned(path: str) -> bool:
    """Return whether a socket is left over from a process that has ended."""
    try:
        if not stat.S_ISSOCK(Path(path).stat().st_mode):
            return False
    except FileNotFoundError:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
    return False


def _advice(address: Address) -> str:
    if isinstance(address, UnixAddress):
        return "see that the folder exists and may be written, and that no other process listens there"
    return f"is another process on port {address.port}? Port 0 takes any free one"
