"""Durations and sizes as people write them."""

import re

SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
BYTES = {"": 1, "B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([KMG]?i?B?)")


def duration(value: object) -> float:
    """Return seconds for "250ms", "5s", "1h30m". Raises ValueError."""
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        raise ValueError('is not a duration; expected for example "250ms", "5s" or "1h"')
    seconds = sum(float(number) * SECONDS[unit] for number, unit in _PART.findall(value))
    if seconds <= 0:
        raise ValueError("must be longer than nothing")
    return seconds


def size(value: object) -> int:
    """Return bytes for "64KiB", "1MB", "0". Raises ValueError."""
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[2] not in BYTES:
        raise ValueError('is not a size; expected for example "64KiB", "1MiB" or "0"')
    return int(float(match[1]) * BYTES[match[2]])
