"""Keys that have their name and place but do not work yet: one table, which shrinks."""

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.config.lines import Path

ANY = "*"  # every name, or every index

# The one value that is taken, and what to say of any other.
LATER: dict[Path, tuple[object, str]] = {
    ("server", "workers"): (1, "this version runs one process"),
    ("admin", "allow"): (["loopback"], "the admin listener answers loopback alone"),
    ("admin", "key"): (None, "the admin listener answers loopback alone"),
    ("admin", "quit"): (False, "end the gateway with SIGTERM"),
    ("log", "sample"): (1.0, "this version logs every request, or none"),
}


def taken(raw: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield path and complaint for each key that does not work yet and is set to more than its default."""
    for pattern, (default, words) in LATER.items():
        for path, value in matches(raw, pattern):
            if value != default or isinstance(value, bool) is not isinstance(default, bool):
                yield path, f"not yet supported; {words}"


def matches(value: object, pattern: Path, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Yield path and value of whatever the pattern fits."""
    if not pattern:
        yield path, value
    elif isinstance(value, dict):
        for name in value if pattern[0] == ANY else {pattern[0]} & value.keys():
            yield from matches(value[name], pattern[1:], (*path, name))
    elif isinstance(value, list) and pattern[0] == ANY:
        for index, each in enumerate(value):
            yield from matches(each, pattern[1:], (*path, index))
