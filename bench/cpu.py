"""CPU time for a request by wrk, and rows of a table on the terminal."""

import statistics

from load import wrk
from processes import cpu

SECONDS = 3


def load(port: int, pid: int, target: str) -> float:
    """Load a proxy for some seconds with answers of 1 KB; return its CPU time per request, in µs."""
    before = cpu(pid)
    count = wrk(port, target, 1024, SECONDS)
    return (cpu(pid) - before) / count * 1e6


def row(name: str, values: list[float], unit: str) -> str:
    """Return a line with minimum, median and maximum."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{name:<34} {low:8.2f} {middle:8.2f} {high:8.2f}  {unit}"
