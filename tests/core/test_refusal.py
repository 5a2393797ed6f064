"""Which answers mean that a token is dead."""

import gzip
import zlib

import pytest

from proxy.core.credential import DEFAULT_REJECT
from proxy.core.refusal import LOOKED_AT, dead

SAYS = b'{"error":"FpCam::Invalid token"}'


@pytest.mark.parametrize(
    ("status", "lines", "body", "verdict"),
    [
        (401, [], b"", True),
        (403, [], b"", False),
        (403, [], b"No permission", False),
        (403, [], SAYS, True),
        (404, [], SAYS, False),
        (403, [b"Content-Encoding: gzip\r\n"], gzip.compress(SAYS, mtime=0), True),
        (403, [b"content-encoding:  X-GZIP \r\n"], gzip.compress(SAYS, mtime=0), True),
        (403, [b"Content-Encoding: deflate\r\n"], zlib.compress(SAYS), True),
        (403, [b"Content-Encoding: gzip\r\n"], SAYS, False),
        (403, [b"Content-Encoding: gzip\r\n"], gzip.compress(SAYS, mtime=0)[:-8], True),
        (403, [b"Content-Encoding: gzip\r\n"], gzip.compress(bytes(LOOKED_AT) + SAYS, mtime=0), False),
        (403, [], bytes(LOOKED_AT - 13) + b"Invalid token", True),
        (403, [], bytes(LOOKED_AT - 12) + b"Invalid token", False),
    ],
)
def test_verdicts(status: int, lines: list[bytes], body: bytes, verdict: bool) -> None:
    """401; or 403 whose decoded body says so within its first 64 KiB."""
    assert dead(DEFAULT_REJECT, status, lines, body) is verdict
