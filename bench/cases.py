"""What is measured."""

from dataclasses import replace

from exchanges import get, post
from load import SMALLEST, Load, added, checked, gets, posts, transfers
from measure import Case
from peers import ON_VENV, OURS, WIDE, gateway
from shipped import ANOTHER
from stage import LARGE, Way

PLAIN, TLS, LOGGED = Way(), Way(tls=True), Way(logged=True)
SINK, SINK_TLS = Way(sink=True), Way(sink=True, tls=True)
ROUNDS, FEW = 5, 3


def small(way: Way, target: str, size: int) -> Load:
    """Return a load of small answers."""
    return checked(gets(target, size), way, target)


def down(way: Way) -> Load:
    """Return a load of large answers."""
    return checked(transfers(get("/10m", len(LARGE)), len(LARGE)), way, "/10m")


def up(way: Way) -> Load:
    """Return a load of large requests."""
    return checked(transfers(post("/", LARGE, SMALLEST), len(LARGE)), way, "/10m")


SILENT = replace(OURS, name="iam-proxy, log off", command=lambda place: gateway(place._replace(logged=False)))
CASES = (
    Case("1k", "1 KB", PLAIN, small(PLAIN, "/1k", SMALLEST), ROUNDS, beside=(ON_VENV,) if ANOTHER else ()),
    Case("1k-tls", "1 KB, TLS", TLS, small(TLS, "/1k", SMALLEST), ROUNDS),
    Case("1k-log", "1 KB, access log", LOGGED, small(LOGGED, "/1k", SMALLEST), ROUNDS, beside=(SILENT,)),
    Case("100k", "100 KB", PLAIN, small(PLAIN, "/100k", 100_000), FEW),
    Case("100k-tls", "100 KB, TLS", TLS, small(TLS, "/100k", 100_000), FEW),
    Case("post", "POST of 2 KB", SINK, checked(posts("/", 2048), SINK, "/1k"), FEW),
    Case("down", "10 MB down", PLAIN, down(PLAIN), FEW, beside=(WIDE,)),
    Case("down-tls", "10 MB down, TLS", TLS, down(TLS), FEW, beside=(WIDE,)),
    Case("up", "10 MB up", SINK, up(SINK), FEW, beside=(WIDE,)),
    Case("up-tls", "10 MB up, TLS", SINK_TLS, up(SINK_TLS), FEW, beside=(WIDE,)),
    Case("latency", "latency at 300/s", PLAIN, checked(added, PLAIN, "/1k"), ROUNDS, seconds=1.5),
)
