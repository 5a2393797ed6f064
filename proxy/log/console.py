"""Log lines for people: short, and coloured where a terminal shows them."""

import time
from collections.abc import Mapping
from typing import Any

from proxy.log.lines import plain

RESET, DIM, BOLD, RED, GREEN, YELLOW, CYAN = (
    "\x1b[0m",
    "\x1b[2m",
    "\x1b[1m",
    "\x1b[31m",
    "\x1b[32m",
    "\x1b[33m",
    "\x1b[36m",
)
LEVELS = {"warning": YELLOW, "error": RED, "critical": RED}
# What says more about a request than its line does, where it is out of the ordinary.
TELLING = ("code", "cause", "cut", "attempts", "replay", "peer", "client")
USUAL: dict[str, object] = {"attempts": 1, "peer": "127.0.0.1"}


class Console:
    """Renders events as lines, with or without colour."""

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours

    def request(self, fact: Mapping[str, Any]) -> str:
        """Return the line of a finished exchange."""
        status = fact["status"]
        colour = GREEN if status < 300 else CYAN if status < 400 else YELLOW if status < 500 else RED  # noqa: PLR2004  classes of RFC 9110 §15
        told = [f"{key}={fact[key]}" for key in TELLING if key in fact and USUAL.get(key) != fact[key]]
        if "code" in fact:
            told.append(f"request_id={fact['request_id']}")
        marks = plain(" ".join(told))
        return ended(
            f"{self._paint(DIM, now())} {plain(fact['method']):<4} {plain(fact['target'])} → "
            f"{self._paint(colour, str(status))}"
            f"  {amount(fact['sent'])}  {fact['duration_ms']:g} ms  {self._paint(DIM, marks)}"
        )

    def event(self, fact: Mapping[str, Any]) -> str:
        """Return the line of any other event."""
        level = str(fact.get("level", "info"))
        rest = " ".join(f"{key}={value}" for key, value in fact.items() if key not in {"event", "level", "time"})
        words = self._paint(LEVELS.get(level, BOLD), plain(str(fact["event"])))
        return ended(f"{self._paint(DIM, now())} {words}  {self._paint(DIM, plain(rest))}")

    def _paint(self, colour: str, text: str) -> str:
        return f"{colour}{text}{RESET}" if self._colours and text else text


def ended(line: str) -> str:
    """Return a line as it is written, with its end."""
    return f"{line.rstrip()}\n"


def now() -> str:
    """Return the time of day."""
    return time.strftime("%H:%M:%S")


def amount(size: int) -> str:
    """Return a number of bytes for people."""
    value = float(size)
    for unit in ("B", "KB", "MB"):
        if value < 1000:  # noqa: PLR2004  decimal units
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
