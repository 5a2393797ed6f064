"""A compressed answer is decoded within bounds."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import LoginUnavailable
from proxy.tokens.decoding import decoded

LIMIT = 1024 * 1024
PLAIN = b'{"token": "abc"}' * 10


def raw_deflate(data: bytes) -> bytes:
    """Return deflate without the zlib wrapping, as some servers send it."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("", PLAIN),
        ("identity", PLAIN),
        ("gzip", gzip.compress(PLAIN, mtime=0)),
        (" GZIP ", gzip.compress(PLAIN, mtime=0)),
        ("x-gzip", gzip.compress(PLAIN, mtime=0)),
        ("gzip", gzip.compress(PLAIN[:50], mtime=0) + gzip.compress(PLAIN[50:], mtime=0)),
        ("deflate", zlib.compress(PLAIN)),
        ("deflate", raw_deflate(PLAIN)),
    ],
)
def test_what_servers_send_is_decoded(coding: str, body: bytes) -> None:
    """None, gzip of one or more members, deflate with and without its wrapping."""
    assert decoded(body, coding, LIMIT) == PLAIN


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_nothing_stays_nothing(coding: str) -> None:
    """An empty body needs no decoding."""
    assert decoded(b"", coding, LIMIT) == b""


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    """Two hundred megabytes in two hundred kilobytes are refused in a few megabytes of memory."""
    bomb = gzip.compress(bytes(200 * LIMIT), mtime=0)
    tracemalloc.start()
    with pytest.raises(LoginUnavailable) as caught:
        decoded(bomb, "gzip", LIMIT)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "larger than" in caught.value.cause
    assert peak < 8 * LIMIT


def test_a_bomb_of_many_members_is_one_too() -> None:
    """The limit is for all of them together."""
    with pytest.raises(LoginUnavailable):
        decoded(gzip.compress(bytes(LIMIT // 2), mtime=0) * 3, "gzip", LIMIT)


def test_a_body_of_endless_empty_members_is_refused() -> None:
    """Each costs a copy of the rest."""
    with pytest.raises(LoginUnavailable) as caught:
        decoded(gzip.compress(b"", mtime=0) * 50_000, "gzip", LIMIT)
    assert "members" in caught.value.cause


def test_the_limit_itself_fits() -> None:
    """To the byte."""
    assert len(decoded(gzip.compress(bytes(LIMIT), mtime=0), "gzip", LIMIT)) == LIMIT


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", PLAIN),
        ("gzip", gzip.compress(PLAIN, mtime=0)[:-4]),
        ("gzip", gzip.compress(PLAIN, mtime=0) + b"rubbish"),
        ("deflate", zlib.compress(PLAIN)[:-1]),
        ("br", PLAIN),
        ("gzip, gzip", gzip.compress(gzip.compress(PLAIN, mtime=0), mtime=0)),
    ],
)
def test_what_does_not_decode_is_unavailable(coding: str, body: bytes) -> None:
    """Not compressed at all, cut short, followed by rubbish, an unknown coding; none of it is quoted."""
    with pytest.raises(LoginUnavailable) as caught:
        decoded(body, coding, LIMIT)
    assert "token" not in caught.value.cause


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate", ""]))
def test_any_bytes_decode_or_are_unavailable(body: bytes, coding: str) -> None:
    """Nothing else is raised, and no more than the limit comes out."""
    try:
        assert len(decoded(body, coding, 100)) <= max(100, len(body))
    except LoginUnavailable as error:
        assert error.cause  # noqa: PT017 - either end is right
