"""What a run has found, as Markdown with plots, between two markers of docs/performance.md."""

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cases import CASES
from goals import GOALS, cell
from measure import Found
from peers import PEERS, Peer
from plots import dots, lines
from shipped import ANOTHER, PYTHON, told

DOCS = Path(__file__).parents[1] / "docs"
PAGE, IMAGES = DOCS / "performance.md", DOCS / "images"
BEGIN, END = "<!-- written by make bench: begin -->", "<!-- written by make bench: end -->"
TITLES = {case.name: case.title for case in CASES}
RATE = "MB per CPU second"
COST = ("1k.cpu", "1k-tls.cpu", "100k.cpu", "100k-tls.cpu", "post.cpu", "1k-log.cpu")
RATES = ("down.rate", "down-tls.rate", "up.rate", "up-tls.rate")
HOW = (
    "Each proxy has one thread and one core, the origin and the load have the other; all run in turn, round by round. "
    "A figure is the median of the rounds (minimum…maximum), a ratio is taken in each round."
)
REST = {
    "latency.latency": "latency at 300/s, µs",
    "latency.added": "of it added, µs",
    "start": "start, ms",
    "1k.resident": "resident, MB",
    "idle.1000": "idle connection of 1,000, KB",
    "idle.10000": "of 10,000, KB",
    "1k.reused": "origin connections used again, %",
}


def machine(peers: Sequence[Peer]) -> dict[str, str]:
    """Return what was measured on, and every version."""
    model = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    facts = {
        "processor": f"{model.partition(': ')[2]}, {os.cpu_count()} cores",
        "kernel": platform.release(),
        "Python of the gateway": told(PYTHON),
    }
    if ANOTHER:
        facts["Python of .venv"] = told(Path(sys.executable))
    return facts | {peer.name: peer.told() for peer in peers if not peer.missing()}


def goals(found: Found) -> str:
    """Return the table of goals."""
    rows = [goal.verdict(found) for goal in GOALS]
    return "\n".join(["| | must | aim | measured | met |", "| --- | --- | --- | --- | --- |", *rows])


def table(found: Found, columns: Mapping[str, str]) -> str:
    """Return a table of medians with minimum and maximum; a row for each peer."""
    measured = [found.figures.get(column, {}) for column in columns]
    there = dict.fromkeys(name for each in measured for name in each)
    order = [peer.name for peer in PEERS]
    rows = [
        f"| {name} | " + " | ".join(cell(each.get(name, [])) for each in measured) + " |"
        for name in sorted(there, key=lambda name: order.index(name) if name in order else len(order))
    ]
    return "\n".join([f"| | {' | '.join(columns.values())} |", "| --- |" + " ---: |" * len(columns), *rows])


def titled(measures: Sequence[str]) -> dict[str, str]:
    """Return the measures with the titles of their cases."""
    return {measure: TITLES[measure.partition(".")[0]] for measure in measures}


def pictures(found: Found) -> dict[str, str]:
    """Return the plots by the names of their files; what was not measured is empty in them."""
    drawn = {
        "cpu": dots("CPU per request of 1 KB", "µs", series(found, {"plain origin": "1k.cpu", "TLS": "1k-tls.cpu"})),
        "down": dots("10 MB down", RATE, series(found, {"plain origin": "down.rate", "TLS": "down-tls.rate"})),
        "up": dots("10 MB up", RATE, series(found, {"plain origin": "up.rate", "TLS": "up-tls.rate"})),
    }
    for what in ("routes", "credentials"):
        drawn[what] = lines(f"CPU per request by {what}", what, "µs", series(found, {"iam-proxy": f"scale.{what}"}))
    both = {name: f"scale.connections.{name}" for name in ("iam-proxy", "nginx")}
    drawn["connections"] = lines("CPU per request by connections", "connections", "µs", series(found, both))
    return {f"performance-{name}.svg": svg for name, svg in drawn.items()}


def series(found: Found, measures: Mapping[str, str]) -> dict[str, dict[str, list[float]]]:
    """Return the figures of measures by their names in a plot."""
    return {name: found.figures.get(measure, {}) for name, measure in measures.items()}


def page(found: Found, facts: Mapping[str, str], minutes: float, drawn: Mapping[str, str]) -> str:
    """Return what stands between the markers."""
    named = ", ".join(f"{name} {value}" for name, value in facts.items())
    left = [f"- {what}: {reason}" for what, reason in found.left_out.items()]
    return "\n\n".join(
        [
            f"Measured in one run of {minutes:.0f} minutes by `make bench`: {named}.",
            HOW,
            "### Goals",
            goals(found),
            "### CPU per request, µs",
            table(found, titled(COST)),
            f"### Large bodies, {RATE}",
            table(found, titled(RATES)),
            "### Beside the CPU",
            table(found, REST),
            *(["Left out:", "\n".join(left)] if left else []),
            "\n".join(f"![{name.removesuffix('.svg')}](images/{name})" for name in drawn),
        ]
    )


def write(found: Found, facts: Mapping[str, str], minutes: float) -> None:
    """Write the page between its markers, and the plots beside it."""
    drawn = pictures(found)
    for name, svg in drawn.items():
        (IMAGES / name).write_text(svg)
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{PAGE} has no markers")
    PAGE.write_text(f"{before}{BEGIN}\n\n{page(found, facts, minutes, drawn)}\n\n{END}{after}")
