"""The rows of docs/threat-model.md."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "threat-model.md"

# | name | attack | defence | [file](../path) | test, from `tests` on |
_ROW = re.compile(r"\| `([a-z-]+)` \| (.+) \| (.+) \| \[`[^`]+`\]\(\.\./([^)]+)\) \| `([^`]+)` \|")


@dataclass(frozen=True, slots=True)
class Row:
    """A defence: its name, what it is against, the file that it stands in, and the test that notices when it is gone.

    `place` is a path from the root of the project, `test` what pytest calls the test there.
    """

    name: str
    attack: str
    defence: str
    place: str
    test: str


def rows() -> list[Row]:
    """Return the rows of the page, in its order. Raises ValueError for a line of a table that is none."""
    return [row(line) for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]


def row(line: str) -> Row:
    """Return a row. Raises ValueError for what is none."""
    match = _ROW.fullmatch(line)
    if match is None:
        raise ValueError(f"{PAGE.name}: no row of a defence: {line}")
    name, attack, defence, place, test = match.groups()
    return Row(name, attack, defence, place, f"tests/{test}")
