"""A compressed login answer, decoded within bounds: a kilobyte of gzip can stand for a megabyte of memory."""

import zlib

from proxy.errors import LoginUnavailable

# zlib's own numbers: 32 added to the largest window detects gzip and zlib by their headers; negative is raw deflate,
# which some servers send as "deflate" against RFC 9110 §8.4.1.2.
_DETECT = 32 + zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS

# Members of gzip one after the other are legal but rare; each costs a copy of all that follows.
MAX_MEMBERS = 100

# What `decoded` undoes, as the Accept-Encoding of a login.
ACCEPTED = "gzip, deflate"


def decoded(body: bytes, coding: str, limit: int) -> bytes:
    """Return a body without its content coding. Raises LoginUnavailable past `limit` bytes or if it does not decode."""
    match coding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return _inflated(body, _DETECT, limit)
        case "deflate":
            # the two low nibbles of a zlib header are its method, 8 = deflate (RFC 1950 §2.2)
            return _inflated(body, _DETECT if body[:1] and body[0] & 0x0F == zlib.DEFLATED else _RAW, limit)
        case _:
            raise LoginUnavailable(cause="the login's answer has an unknown content coding")


def _inflated(body: bytes, window: int, limit: int) -> bytes:
    """Return the decompressed members of a body, one after the other (RFC 1952 §2.2)."""
    plain = b""
    try:
        for _ in range(MAX_MEMBERS):
            if not body:
                break
            member = zlib.decompressobj(window)
            plain += member.decompress(body, limit + 1 - len(plain))
            if len(plain) > limit:
                raise LoginUnavailable(cause=f"the login's answer is larger than {limit} bytes")
            if not member.eof:
                raise LoginUnavailable(cause="the login's compressed answer is cut short")
            body = member.unused_data
    except zlib.error:
        raise LoginUnavailable(cause="the login's compressed answer does not decode") from None
    if body:
        raise LoginUnavailable(cause=f"the login's compressed answer has more than {MAX_MEMBERS} members")
    return plain
