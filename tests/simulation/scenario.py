"""What a seed decides: the numbers of the world, the misfortunes to come, and who asks for what."""

from dataclasses import dataclass, field
from random import Random

from proxy.core.limits import Limits
from proxy.core.timeouts import Timeouts

REQUESTS = 50
FAULTS = 3
# Some are never sent: the gateway closes behind the request before.
SPARE = 15
# A body takes this many of the smallest reads at most, so that a run with such reads takes no longer than others; and
# no longer than a few seconds to cross.
READS = 80

# Paths below these are routes of their own: one that never replays, one without a credential.
ONCE, OPEN = "/once", "/open"

# For how long the platform is in a mood, in seconds.
MOODS = (
    "slow",
    "hanging",
    "late",
    "down",
    "reset",
    "500",
    "429",
    "404",
    "408",
    "malformed",
    "huge",
    "401",
    "403",
    "302",
)
# What the origin may do wrong with a request; `Act` says what each means.
WRONGS = (
    "hang",
    "reset",
    "vanish",
    "reset inside",
    "end inside",
    "malformed",
    "excess",
    "early",
    "refuse",
    "close behind",
    "reset behind",
)
# What may befall the world at one moment: what always finds somebody, and what may find nobody.
SURE = ("revoke", "sleep", "step", "rotate", "wrong keys", "restart", "drain")
STRIKES = (*SURE, "mute", "close idle", "refuse dials", "hang dials")


@dataclass(frozen=True)
class Lives:
    """How long tokens live, in seconds, and how the login tells; `single`: a login ends the sessions before it."""

    shortest: float
    longest: float
    telling: str
    single: bool

    def drawn(self, chance: Random) -> float:
        """Return the life of one token."""
        return self.shortest + (self.longest - self.shortest) * chance.random()


@dataclass(frozen=True)
class Window:
    """A mood of the login, in seconds since the beginning."""

    at: float
    until: float
    mood: str


@dataclass(frozen=True)
class Strike:
    """A misfortune of one moment; `value` is seconds where it has any."""

    at: float
    kind: str
    value: float


@dataclass(frozen=True)
class Act:
    """What the origin does with one request: `wrong` names a misfortune; the others are the ways of a good answer."""

    wrong: str = ""
    delay: float = 0.0
    framing: str = "length"
    size: int = 0
    pieces: int = 1
    interim: int = 0
    status: int = 200


@dataclass(frozen=True)
class Plan:
    """A request to come; `acts` are what the origin does with it the first time and the second."""

    number: int
    method: str
    path: str
    framing: str
    size: int
    http10: bool
    expects: bool
    acts: tuple[Act, Act]


@dataclass(frozen=True)
class Visit:
    """A client's connection: batches of pipelined requests, each after a pause.

    It leaves `leaves` seconds after its first request, by `way`: "end", "reset" or "mute"; reads nothing for `stalls`
    seconds after each batch, and sends in pieces with `drips` seconds between them.
    """

    at: float
    batches: tuple[tuple[float, tuple[Plan, ...]], ...]
    leaves: float | None
    way: str
    stalls: float
    drips: float


@dataclass
class Scenario:
    """Everything that is decided before the beginning."""

    seed: int
    chance: Random  # what is decided on the way
    lives: Lives
    skew: float = 0.0
    latency: float = 0.01
    window: int = 65_536
    read: int = 65_536
    rough: bool = False
    ttl: float = 3600.0
    login_timeout: float = 5.0
    login_takes: float = 0.0  # more than the usual tenth of a second
    limits: Limits = Limits()
    timeouts: Timeouts = Timeouts()
    length: float = 60.0
    forbidden: str | None = None
    windows: list[Window] = field(default_factory=list)
    strikes: list[Strike] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)


def scenario(seed: int) -> Scenario:
    """Return what a seed decides."""
    chance = Random(seed)
    longest = chance.choice((1.5, 5.0, 20.0, 60.0, 600.0, 3600.0))
    telling = chance.choice(("duration", "date", "epoch", "milliseconds", "bare", "nothing"))
    shortest = longest if telling == "nothing" else longest * chance.choice((1.0, 0.3))
    made = Scenario(
        seed,
        Random(chance.random()),
        Lives(shortest, longest, telling, single=chance.random() < 0.2),
        skew=chance.choice((0.0, 0.0, 0.0, 600.0, -600.0, 86_400.0)) if telling != "bare" else 0.0,
        latency=chance.choice((0.001, 0.01, 0.05, 0.3)),
        window=chance.choice((1_500, 16_384, 65_536, 65_536)),
        read=chance.choice((7, 200, *[65_536] * 8)),
        rough=chance.random() < 0.3,
        ttl=longest,
        login_timeout=chance.choice((2.0, 5.0, 10.0)),
        limits=Limits(
            replay_buffer=1024,
            replay_spool=chance.choice((0, 4096, 65_536)),
            max_in_flight=chance.choice((3, 1000, 1000)),
            max_origin_connections=chance.choice((1, 3, 64, 64)),
        ),
        timeouts=Timeouts(connect=2.0, response=8.0, idle=6.0, client_header=5.0, keep_alive=15.0),
        length=chance.choice((20.0, 40.0, 80.0, 200.0)),
        forbidden=chance.choice((None, None, None, "/a", "/b")),
    )
    made.windows = windows(chance, made.length)
    made.strikes = strikes(chance, made.length)
    made.visits = visits(chance, made)
    return made


def windows(chance: Random, length: float) -> list[Window]:
    """Return the moods of the login, one after the other."""
    made, at = [], 0.0 if chance.random() < 0.2 else length * chance.random()
    for _ in range(chance.randint(0, 4)):
        until = at + chance.choice((0.5, 3.0, 15.0, 60.0)) * (0.5 + chance.random())
        made.append(Window(at, min(until, length), chance.choice(MOODS)))
        at = until + length * chance.random() / 3
    return [window for window in made if window.at < length]


def strikes(chance: Random, length: float) -> list[Strike]:
    """Return the misfortunes of one moment, in order; at least as many as a run must have."""
    kinds = [chance.choice(SURE) for _ in range(FAULTS)] + [chance.choice(STRIKES) for _ in range(chance.randint(0, 6))]
    made = [Strike(length * chance.random(), kind, chance.choice((0.3, 2.0, 30.0, 600.0, 28_800.0))) for kind in kinds]
    return sorted(made, key=lambda strike: strike.at)


def visits(chance: Random, made: Scenario) -> list[Visit]:
    """Return the clients, until they have made requests enough."""
    trouble = chance.choice((0.0, 0.05, 0.2))
    gone = chance.choice((0.0, 0.1, 0.3))
    bursts = [made.length * chance.random() for _ in range(chance.randint(2, 12))]
    most = min(READS * made.read, int(made.window / made.latency))
    found: list[Visit] = []
    number = sure = 0  # whoever stays asks for everything
    while sure < REQUESTS + SPARE:
        batches = []
        for _ in range(chance.randint(1, 4)):
            count = chance.choice((1, 1, 1, 2, 4))
            plans = tuple(plan(chance, number + each, trouble, most, last=each == count - 1) for each in range(count))
            number += count
            batches.append((chance.choice((0.0, 0.1, 2.0)) * chance.random(), plans))
        leaves = chance.choice((0.0, 0.05, 0.5, 5.0)) * chance.random() if chance.random() < gone else None
        sure += sum(len(plans) for _, plans in batches) if leaves is None else 0
        at = chance.choice(bursts) + 0.05 * chance.random() if chance.random() < 0.5 else made.length * chance.random()
        found.append(
            Visit(
                at,
                tuple(batches),
                leaves=leaves,
                way=chance.choice(("end", "end", "reset", "mute")),
                stalls=chance.choice((0.5, 4.0)) if chance.random() < 0.1 else 0.0,
                drips=chance.choice((0.01, 0.5)) if chance.random() < 0.1 else 0.0,
            )
        )
    return sorted(found, key=lambda visit: visit.at)


def plan(chance: Random, number: int, trouble: float, most: int, *, last: bool) -> Plan:
    """Return a request."""
    method = chance.choice(("GET", "GET", "GET", "HEAD", "POST", "POST", "PUT", "DELETE", "OPTIONS"))
    framing, size = "none", 0
    if method in {"POST", "PUT"} and chance.random() < 0.8:
        framing = chance.choice(("length", "length", "chunked"))
        size = min(most, chance.choice((1, 100, 3_000, 10_000, 100_000)))
    path = chance.choice(("/a", "/b", "/c", "/d")) if chance.random() < 0.9 else chance.choice((ONCE, OPEN))
    http10 = chance.random() < 0.1 and last and framing != "chunked"  # nothing is pipelined behind a 1.0 request
    return Plan(
        number,
        method,
        path,
        framing,
        size,
        http10,
        expects=framing != "none" and not http10 and chance.random() < 0.1,
        acts=(act(chance, trouble, most), act(chance, trouble, most)),
    )


def act(chance: Random, trouble: float, most: int) -> Act:
    """Return what the origin does with a request."""
    wrong = chance.choice(WRONGS) if chance.random() < trouble else ""
    return Act(
        wrong,
        delay=chance.choice((0.0, 0.01, 0.01, 0.2, 2.0)) * chance.random(),
        framing=chance.choice(("length", "length", "chunked", "end")),
        size=min(most, chance.choice((0, 10, 500, 5_000, 60_000))),
        pieces=chance.choice((1, 1, 3)),
        interim=chance.choice((0, 0, 0, 0, 103)),
        status=chance.choice((200, 200, 200, 201, 403, 404, 500)),
    )
