"""A Dockerfile, read: its stages and steps, and what its context lets in."""

import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath


@dataclass
class Stage:
    """`FROM`, and the steps up to the next; `name` is what `COPY --from` calls it."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)


def stages(text: str) -> list[Stage]:
    """Return the stages of a Dockerfile."""
    found: list[Stage] = []
    text = re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    for line in filter(None, map(str.strip, text.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            found.append(Stage(base, name))
        else:
            found[-1].steps.append((word, rest.strip()))
    return found


def context(folder: Path, source: str) -> Iterator[Path]:
    """Yield the files under a source of `COPY` that `.dockerignore` lets in, relative to the folder."""
    rules = (folder / ".dockerignore").read_text(encoding="utf-8").split()
    start = folder / source
    for file in [start] if start.is_file() else start.rglob("*"):
        path = file.relative_to(folder)
        if file.is_file() and not ignored(path, rules):
            yield path


def ignored(path: PurePath, rules: list[str]) -> bool:
    """Return whether a path stays outside: the last rule that fits it, or a folder that it lies in, decides."""
    verdict = False
    for rule in rules:
        pattern, let_in = rule.removeprefix("!"), rule.startswith("!")
        if any(fits(each, pattern) for each in (path, *path.parents)):
            verdict = not let_in
    return verdict


def fits(path: PurePath, pattern: str) -> bool:
    """Return whether a pattern names this very path: `**/` stands for any folders, `*` for no slash."""
    anywhere, last = pattern.startswith("**/"), pattern.removeprefix("**/")
    parts, wanted = path.parts, PurePath(last).parts
    if anywhere:
        parts = parts[-len(wanted) :]
    return len(parts) == len(wanted) > 0 and all(map(fnmatch.fnmatchcase, parts, wanted))
