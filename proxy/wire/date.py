"""The Date field (RFC 9110 §6.6.1), written once a second."""

import time
from email.utils import formatdate
from functools import lru_cache


def date_line() -> bytes:
    """Return a field line with the time of now."""
    return _line(int(time.time()))


@lru_cache(maxsize=1)
def _line(second: int) -> bytes:
    return f"Date: {formatdate(second, usegmt=True)}\r\n".encode()
