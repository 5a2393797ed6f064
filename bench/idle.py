"""Memory of idle client connections, and how long a start takes: what takes a process of its own for each figure."""

import contextlib
import time
from collections.abc import Iterator, Sequence

from exchanges import NoAnswer, Ring, get
from measure import Found, say
from peers import Peer
from processes import end
from stage import CannotRun, Stage, Way, start, until_answered

IDLE = (1000, 10_000)
SETTLED = 1.0  # seconds between the last answer and the look at the memory


def idle(stage: Stage, peers: Sequence[Peer], found: Found, rounds: int) -> None:
    """Open connections, let one exchange pass on each, and look how far the memory has grown."""
    for number in range(rounds):
        for peer in peers:
            try:
                for count, kilobytes in grown(stage, peer):
                    found.add(f"idle.{count}", peer.name, kilobytes)
                    say(
                        f"{count} idle connections, round {number + 1} of {rounds}: {peer.name} {kilobytes:.1f} KB each"
                    )
            except (CannotRun, NoAnswer, OSError) as reason:
                found.leave_out("idle connections", peer.name, reason)


def grown(stage: Stage, peer: Peer) -> Iterator[tuple[int, float]]:
    """Yield for each number of connections how much resident memory one of them takes, in KB."""
    with stage.running(peer, Way()) as running, contextlib.closing(Ring(running.port, [get("/1k", 1024)])) as ring:
        ring.connect(32)
        ring.drive(32, 1.0)  # what the first requests take, idle connections do not
        time.sleep(SETTLED)
        before, there = running.resident(), len(ring.idle)
        for count in IDLE:
            ring.connect(count + there - len(ring.idle))
            time.sleep(SETTLED)
            yield count, (running.resident() - before) / count


def starts(stage: Stage, peers: Sequence[Peer], found: Found, rounds: int) -> None:
    """Measure from the start of a process to its first right answer, the gateway's login included, in ms."""
    for number in range(rounds):
        for peer in peers:
            if reason := peer.missing():
                found.leave_out("start to first answer", peer.name, reason)
                continue
            place = stage.place(Way())
            began = time.perf_counter()
            process = start(peer, place)
            try:
                took = (until_answered(place, process, Way()) - began) * 1000
            except CannotRun as reason:
                found.leave_out("start to first answer", peer.name, reason)
            else:
                found.add("start", peer.name, took)
                say(f"start, round {number + 1} of {rounds}: {peer.name} {took:.0f} ms")
            finally:
                end(process)
