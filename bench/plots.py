"""Plots as SVG: dots on a logarithmic scale, a row for each name; and lines over how many there are of something."""

import math
import statistics
from collections.abc import Iterator, Mapping
from html import escape

WIDTH, LEFT, TOP, ROW, BOTTOM = 760, 190, 56, 26, 44
APART = 9  # between the series of a row
COLOURS = ("#0b6bcb", "#d4570a", "#4a8f29", "#8a3ffc")
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600}.faint{fill:#59636e;font-size:12px}"
    ".grid{stroke:#d1d9e0}.ground{fill:#fff}@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.faint{fill:#9198a1}"
    ".grid{stroke:#3d444d}.ground{fill:#0d1117}}"
)

# A figure: what it was in each round.
Rounds = list[float]


def dots(title: str, unit: str, series: Mapping[str, Mapping[str, Rounds]]) -> str:
    """Draw a row for each name and a dot for each series in it: the median, on a line from minimum to maximum."""
    names = list(dict.fromkeys(name for each in series.values() for name in each))
    values = [value for each in series.values() for rounds in each.values() for value in rounds] or [1, 10]
    low = 10 ** math.floor(math.log10(min(values)))
    high = next(tick for tick in ticks(low, math.inf) if tick >= max(values))
    height = TOP + ROW * len(names) + BOTTOM

    def at(value: float) -> float:
        return LEFT + (WIDTH - LEFT - 30) * math.log(value / low) / math.log(high / low)

    parts = [*legend(title, series)]
    for tick in ticks(low, high):
        parts.append(line(at(tick), TOP - 6, at(tick), height - BOTTOM + 6, "grid"))
        parts.append(text(at(tick), height - 22, f"{tick:g}", "faint", "middle"))
    parts.append(text(WIDTH - 30, height - 5, unit, "faint", "end"))
    for row, name in enumerate(names):
        middle = TOP + ROW * row + ROW / 2
        parts.append(text(LEFT - 12, middle + 4, name, "", "end"))
        for number, (each, colour) in enumerate(zip(series.values(), COLOURS, strict=False)):
            if name in each:
                y = middle + APART * (number - (len(series) - 1) / 2)
                parts += dot(at(statistics.median(each[name])), y, colour)
                parts.append(stroke([(at(min(each[name])), y), (at(max(each[name])), y)], colour))
    return drawing(height, parts)


def lines(title: str, below: str, unit: str, series: Mapping[str, Mapping[str, Rounds]]) -> str:
    """Draw a line for each series over counts (their names are numbers), from 0; with the spread at each count."""
    counts = sorted({int(name) for each in series.values() for name in each}) or [1]
    top = 1.1 * max((value for each in series.values() for rounds in each.values() for value in rounds), default=1)
    step = 10 ** math.floor(math.log10(top))
    step = step if top / step > 3 else step / 4  # noqa: PLR2004  some lines to read by
    height, left = 320, 70

    def x(count: int) -> float:
        return left + 20 + (WIDTH - left - 60) * math.log(count) / math.log(max(counts[-1], 2))

    def y(value: float) -> float:
        return height - BOTTOM - (height - BOTTOM - TOP) * value / top

    parts = [*legend(title, series), text(WIDTH - 30, height - 5, below, "faint", "end")]
    parts.append(text(12, TOP - 10, unit, "faint"))
    for number in range(int(top / step) + 1):
        parts.append(line(left, y(number * step), WIDTH - 30, y(number * step), "grid"))
        parts.append(text(left - 8, y(number * step) + 4, f"{number * step:g}", "faint", "end"))
    parts += [text(x(count), height - 24, f"{count:,}", "faint", "middle") for count in counts]
    for each, colour in zip(series.values(), COLOURS, strict=False):
        points = {int(name): rounds for name, rounds in each.items()}
        parts.append(stroke([(x(count), y(statistics.median(points[count]))) for count in sorted(points)], colour))
        for count, rounds in points.items():
            parts += dot(x(count), y(statistics.median(rounds)), colour)
            parts.append(stroke([(x(count), y(min(rounds))), (x(count), y(max(rounds)))], colour))
    return drawing(height, parts)


def ticks(low: float, high: float) -> Iterator[float]:
    """Yield 1, 2 and 5 of each power of ten between two of them."""
    power = low
    while power <= high:
        yield from (power * each for each in (1, 2, 5) if power * each <= high)
        power *= 10


def legend(title: str, series: Mapping[str, object]) -> Iterator[str]:
    """Yield the title, and the names of the series in their colours."""
    yield text(12, 22, title, "title")
    for number, (name, colour) in enumerate(zip(series, COLOURS, strict=False)):
        yield from dot(WIDTH - 330 + 160 * number, 18, colour)
        yield text(WIDTH - 320 + 160 * number, 22, name, "")


def text(x: float, y: float, words: str, kind: str, anchor: str = "start") -> str:
    """Return words at a point."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def line(x: float, y: float, x2: float, y2: float, kind: str) -> str:
    """Return a line of the grid."""
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def dot(x: float, y: float, colour: str) -> list[str]:
    """Return a dot."""
    return [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}"/>']


def stroke(points: list[tuple[float, float]], colour: str) -> str:
    """Return a line through points."""
    through = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{through}" fill="none" stroke="{colour}" stroke-width="2"/>'


def drawing(height: float, parts: list[str]) -> str:
    """Return the whole."""
    size = f'width="{WIDTH}" height="{height:.0f}" viewBox="0 0 {WIDTH} {height:.0f}"'
    ground = f'<rect class="ground" width="{WIDTH}" height="{height:.0f}"/>'
    return "\n".join(
        [f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', f"<style>{STYLE}</style>", ground, *parts, "</svg>\n"]
    )
