"""Cost per request by how many routes, credentials and connections there are."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace

from exchanges import Ring, get
from measure import Found, say
from peers import OURS, PEERS, Peer, Place, gateway
from stage import Running, Stage, Way

COUNTS = (1, 10, 100, 1000)
CONNECTIONS = (*COUNTS, 10_000)
IN_FLIGHT = 32
ROUTE = """
[[routes]]
path = "/r/{number}"
upstream = "http://127.0.0.1:{origin}"
credential = "{credential}"
"""
CREDENTIAL = """
[credentials.c{number}]
kind = "apikey"
login_url = "http://127.0.0.1:{login}/iam/login"
apikey = "key"
secretkey = "secret"
"""


def with_routes(count: int, credentials: int) -> Peer:
    """Return the gateway with so many routes and credentials; the routes take theirs in turn."""

    def command(place: Place) -> list[str]:
        words = gateway(place)
        with open(words[-1], "a") as file:  # noqa: PTH123  a word of a command
            file.writelines(CREDENTIAL.format(number=number, login=place.login) for number in range(credentials))
            for number in range(count):
                name = f"c{number % credentials}" if credentials else "main"
                file.write(ROUTE.format(number=number, origin=place.origin, credential=name))
        return words

    return replace(OURS, command=command)


def targets(count: int) -> list[str]:
    """Return a target on each of so many routes."""
    return [f"/r/{number}" for number in range(count)]


def routes(stage: Stage, found: Found, rounds: int) -> None:
    """Go around more and more routes, all with one credential; then each with its own."""
    series = (
        ("routes", {count: with_routes(count, 0) for count in COUNTS}),
        ("credentials", {count: with_routes(count, count) for count in COUNTS}),
    )
    for name, peers in series:
        with contextlib.ExitStack() as stack:
            up = {count: stack.enter_context(stage.running(peer, Way())) for count, peer in peers.items()}
            rings = {count: ring(running, targets(count), IN_FLIGHT) for count, running in up.items()}
            around(name, up, rings, found, rounds)


def connections(stage: Stage, found: Found, rounds: int) -> None:
    """Go around more and more connections, of the gateway and of nginx."""
    for peer in (each for each in PEERS if each.name in ("nginx", OURS.name)):
        with contextlib.ExitStack() as stack:
            up = {count: stack.enter_context(stage.running(peer, Way())) for count in CONNECTIONS}
            rings = {count: ring(running, ["/1k"], count) for count, running in up.items()}
            around(f"connections.{peer.name}", up, rings, found, rounds)


def ring(running: Running, through: Sequence[str], count: int) -> Ring:
    """Return a client with so many connections, each of which has been used."""
    made = Ring(running.port, [get(target, 1024) for target in through])
    made.connect(count)
    made.drive(min(IN_FLIGHT, count), 1.0)
    return made


def around(name: str, up: dict[int, Running], rings: dict[int, Ring], found: Found, rounds: int) -> None:
    """Load them in turn; the CPU time of a request by what there are so many of, in µs."""
    for number in range(rounds):
        for count, running in up.items():
            before = running.cpu()
            passed = rings[count].drive(min(IN_FLIGHT, len(rings[count].idle)), 1.5)
            value = (running.cpu() - before) / passed * 1e6
            found.add(f"scale.{name}", str(count), value)
            say(f"{count} {name}, round {number + 1} of {rounds}: {value:.1f} µs")
    for each in rings.values():
        each.close()
