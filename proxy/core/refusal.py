"""Whether an answer means "this token is dead"."""

import zlib
from collections.abc import Sequence

from proxy.core.credential import Reject

# interface.md, "Which tokens are dead": what may hold the text; longer bodies stream on unjudged behind it.
LOOKED_AT = 64 * 1024
# zlib's window bits for "gzip or zlib, whichever the data begins with".
EITHER = 32 + zlib.MAX_WBITS


def dead(rules: Sequence[Reject], status: int, lines: Sequence[bytes], body: bytes) -> bool:
    """Return whether status and the beginning of the body mean that the token was refused."""
    return any(rule.status == status and (not rule.body or holds(rule.body, readable(lines, body))) for rule in rules)


def holds(texts: Sequence[bytes], body: bytes) -> bool:
    """Return whether any of the texts occurs in the body."""
    return any(text in body for text in texts)


def readable(lines: Sequence[bytes], body: bytes) -> bytes:
    """Return up to LOOKED_AT bytes of the body without its content coding, as far as it can be decoded."""
    codings = [
        value.strip().lower()
        for name, _, value in (line.partition(b":") for line in lines)
        if name.lower() == b"content-encoding"
    ]
    if codings in ([b"gzip"], [b"x-gzip"], [b"deflate"]):
        try:
            return zlib.decompressobj(EITHER).decompress(body, LOOKED_AT)
        except zlib.error:
            return b""
    return body[:LOOKED_AT]
