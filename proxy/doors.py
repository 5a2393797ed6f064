"""Where clients come in: a listening socket that stays through reloads, for as long as its address is wanted."""

import socket
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from proxy.config.settings import Server
from proxy.core.address import Address, TcpAddress
from proxy.errors import StartError
from proxy.listen import open_socket
from proxy.wire.listener import Listener


@dataclass(frozen=True, slots=True)
class Door:
    """One of them: its address as configured, None for a socket that was handed in, and as it is."""

    wanted: Address | None
    address: Address
    listener: Listener


def missing(wanted: Sequence[Address], doors: Sequence[Door]) -> list[Address]:
    """Return the addresses that have no door yet; none of them where sockets were handed in: those stay."""
    had = [door.wanted for door in doors if door.wanted is not None]
    return list((Counter(wanted) - Counter(had)).elements()) if len(had) == len(doors) else []


def sorted_out(wanted: Sequence[Address], doors: Sequence[Door]) -> tuple[list[Door], list[Door]]:
    """Return the doors that stay, and those that nobody wants any more."""
    kept: list[Door] = []
    dropped: list[Door] = []
    left = Counter(wanted)
    for door in doors:
        stays = door.wanted is None or left[door.wanted] > 0
        if door.wanted is not None:
            left[door.wanted] -= stays
        (kept if stays else dropped).append(door)
    return kept, dropped


def open_beside(address: Address, doors: Sequence[Door]) -> socket.socket:
    """Return a listening socket at an address, while the doors are open. Raises StartError."""
    try:
        return open_socket(address)
    except StartError as error:
        for door in doors:
            if port(address) is not None and port(address) == port(door.address):
                words = f"this gateway listens on {door.address}, on the same port; that change takes a restart"
                raise StartError(f"cannot listen on {address}: {words}") from error
        raise


def port(address: Address) -> int | None:
    """Return the port of an address that has one."""
    return address.port if isinstance(address, TcpAddress) else None


def asks_anew(before: Server, after: Server) -> bool:
    """Return whether who is connected could not have come in like that now: TLS or whose certificates are let in."""
    if before.tls is None or after.tls is None:
        return before.tls is not after.tls
    return before.tls.client_ca != after.tls.client_ca
