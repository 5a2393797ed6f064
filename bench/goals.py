"""The goals, and what a run says of them."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from measure import Found
from peers import OURS

Figures = dict[str, dict[str, list[float]]]


@dataclass(frozen=True)
class Goal:
    """What must hold of a figure's median, and what is aimed at."""

    title: str
    must: float
    aim: float
    values: Callable[[Figures], list[float]]
    at_least: bool = False

    def verdict(self, found: Found) -> str:
        """Return a row of the table: must, aim, measured, met."""
        sign = "≥" if self.at_least else "≤"
        values = self.values(found.figures)
        return f"| {self.title} | {sign} {self.must:g} | {sign} {self.aim:g} | {cell(values)} | {self.met(values)} |"

    def met(self, values: list[float]) -> str:
        """Return what the figure meets."""
        if not values:
            return "not measured"
        middle = statistics.median(values)
        reached = [middle >= each if self.at_least else middle <= each for each in (self.must, self.aim)]
        return "aim" if all(reached) else "must" if reached[0] else "**missed**"


def told(value: float) -> str:
    """Return a figure with three digits that count, and two more places where a share nears 100 %."""
    places = 0 if value >= 100 else 2 if value >= 99 or value < 10 else 1  # noqa: PLR2004  digits
    return f"{value:.{places}f}"


def cell(values: list[float]) -> str:
    """Return a median, with minimum and maximum where there is more than one round."""
    if not values:
        return ""
    spread = f" ({told(min(values))}…{told(max(values))})" if len(values) > 1 else ""
    return f"{told(statistics.median(values))}{spread}"


def ratio(measure: str, peer: str, ours: str = OURS.name) -> Callable[[Figures], list[float]]:
    """Return what takes the ratio of us to a peer, round by round."""

    def values(figures: Figures) -> list[float]:
        of = figures.get(measure, {})
        return [a / b for a, b in zip(of.get(ours, []), of.get(peer, []), strict=False)]

    return values


def plain(*measures: str) -> Callable[[Figures], list[float]]:
    """Return what takes our figures as they are."""
    return lambda figures: [value for each in measures for value in figures.get(each, {}).get(OURS.name, [])]


GOALS = (
    Goal("CPU per request ÷ nginx", 2.8, 2.0, ratio("1k.cpu", "nginx")),
    Goal("CPU per request ÷ Go ReverseProxy", 0.8, 0.6, ratio("1k.cpu", "Go ReverseProxy")),
    Goal("CPU per request ÷ Envoy", 0.8, 0.6, ratio("1k.cpu", "Envoy")),
    Goal("CPU per request ÷ Envoy, TLS origin", 0.85, 0.65, ratio("1k-tls.cpu", "Envoy")),
    Goal("CPU per request ÷ nginx, TLS origin", 2.4, 1.8, ratio("1k-tls.cpu", "nginx")),
    Goal("access log on ÷ off", 1.25, 1.1, ratio("1k-log.cpu", "iam-proxy, log off")),
    Goal("added median latency at 300/s ÷ nginx", 1.25, 1.05, ratio("latency.added", "nginx")),
    Goal("10 MB down, MB per CPU second ÷ nginx", 0.8, 1.0, ratio("down.rate", "nginx"), at_least=True),
    Goal("10 MB down, TLS origin, ÷ nginx", 0.75, 1.0, ratio("down-tls.rate", "nginx"), at_least=True),
    Goal("10 MB up, MB per CPU second ÷ nginx", 0.75, 0.95, ratio("up.rate", "nginx"), at_least=True),
    Goal("10 MB up, TLS origin, ÷ nginx", 0.7, 0.95, ratio("up-tls.rate", "nginx"), at_least=True),
    Goal("origin connections used again, %", 99, 99.9, plain("1k.reused", "1k-tls.reused"), at_least=True),
    Goal("memory per idle client connection, KB", 8, 5, plain("idle.1000", "idle.10000")),
    Goal("start to first answer, ms", 500, 300, plain("start")),
)
