"""What each peer has of the gateway, and what is fair when that is scarce."""

import heapq
import ipaddress
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

# For how long, in seconds, others are let in first after one of them was refused: long enough for them to come back
# after a Retry-After of a second, whenever in it.
OTHERS_FIRST = 10.0
# The part of a limit that one peer is not given: else whoever holds all of it, before an origin that keeps silent,
# shuts everybody out for as long as that lasts.
KEPT_FOR_OTHERS = 1 / 20
# The part of an IPv6 address that belongs to one customer (RFC 6177): a host may take any of the rest.
PREFIX = 64


@dataclass(slots=True, eq=False)
class Share:
    """The open connections of one peer, and its requests under way."""

    peer: str
    connections: int = 0
    in_flight: int = 0


def most_of(limit: int) -> int:
    """Return how much of a limit one peer may have."""
    return limit - int(limit * KEPT_FOR_OTHERS)


class Fairness:
    """Who may have one more request under way: `limit` in all, of which one peer has most, half while others wait."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.most = most_of(limit)
        self.half = limit // 2 or limit
        self._others_first = float("-inf")  # until when

    def admits(self, in_flight: int, share: Share, now: float) -> bool:
        """Return whether a request is served; `in_flight`, of all and in the share, counts it already."""
        modest = share.in_flight <= self.half
        if in_flight <= self.limit:
            return share.in_flight <= self.most and (modest or now >= self._others_first)
        if modest:
            self._others_first = now + OTHERS_FIRST
        return False


def peer_of(address: str) -> str:
    """Return whom an address stands for: an IPv4 address itself, an IPv6 one its network."""
    if ":" not in address:
        return address
    try:
        whole = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:  # "unix:"
        return address
    return str(whole.ipv4_mapped or ipaddress.IPv6Network((whole, PREFIX), strict=False))


def first_to_go(idle: Iterable[tuple[T, Share, float]], count: int) -> list[T]:
    """Return which of the idle connections are closed for others, the next first, up to `count`.

    Each is given with its peer's share and how long it has been idle. Always the peer with the most gives one up, that
    which has been idle for the longest.
    """
    by_share = defaultdict(list)
    for connection, share, idle_for in idle:
        by_share[share].append((idle_for, connection))
    ranked = []
    for share, each in by_share.items():
        each.sort(key=lambda pair: -pair[0])
        ranked += [(gone - share.connections, -idle_for, which) for gone, (idle_for, which) in enumerate(each)]
    return [which for _, _, which in heapq.nsmallest(count, ranked, key=lambda one: one[:2])]
