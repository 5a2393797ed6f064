"""The chunked coding, taken off a request."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import BadRequest, BodyTooLarge, GatewayError, HeaderTooLarge
from proxy.wire.body import CHUNKED, Body
from proxy.wire.chunks import Chunks
from tests.intermediary.cases import POST, SMUGGLED, TE, chunks

EXTENSIONS = st.sampled_from([b"", b";a", b";a=b", b' ; a="b c"', b"\t;x=\xff"])
CHUNK = st.tuples(st.binary(min_size=1, max_size=300), EXTENSIONS, st.booleans())
TRAILERS = st.lists(st.sampled_from([b"X: y\r\n", b"Long: " + b"z" * 50 + b"\r\n"]), max_size=3)


def coded(parts: list[tuple[bytes, bytes, bool]], trailers: list[bytes]) -> bytes:
    """Return a chunked body, each size in either case."""
    whole = b""
    for content, extension, upper in parts:
        size = b"%X" % len(content) if upper else b"%x" % len(content)
        whole += size + extension + b"\r\n" + content + b"\r\n"
    return whole + b"0\r\n" + b"".join(trailers) + b"\r\n"


def fed(data: bytes, cuts: list[int]) -> tuple[bytes, bytes | None, list[bytes]]:
    """Feed data cut at these places; return the content, what lies behind it, and the trailers."""
    body = Body(CHUNKED)
    reader = Chunks(body, 32 * 1024)
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for start, end in pairwise(places):
        rest = reader.take(data[start:end])
        if rest is not None:
            return body.peek(), rest + data[end:], reader.lines
    return body.peek(), None, reader.lines


@given(parts=st.lists(CHUNK, max_size=8), trailers=TRAILERS, cuts=st.lists(st.integers(0, 5000), max_size=12))
def test_wherever_it_is_cut(parts: list[tuple[bytes, bytes, bool]], trailers: list[bytes], cuts: list[int]) -> None:
    """Content, end and trailers are found whatever the reads are."""
    found = fed(coded(parts, trailers) + b"GET behind", cuts)
    assert found == (b"".join(content for content, _, _ in parts), b"GET behind", trailers)


def test_every_single_border() -> None:
    """Two reads, cut at every place there is."""
    data = coded([(b"hello", b"", False), (b"x" * 20, b";a=b", True)], [b"X: y\r\n"])
    for cut in range(len(data)):
        assert fed(data + b"next", [cut]) == (b"hello" + b"x" * 20, b"next", [b"X: y\r\n"])


@pytest.mark.parametrize("name", chunks())
def test_what_is_none_is_refused(name: str) -> None:
    """Whole, and in single bytes."""
    data = chunks()[name].removeprefix(POST + TE + b"\r\n").removesuffix(SMUGGLED)
    for cuts in ([], list(range(min(len(data), 6000)))):
        with pytest.raises((BadRequest, HeaderTooLarge)):
            fed(data + SMUGGLED, cuts)


def test_many_small_chunks_are_no_attack() -> None:
    """A byte a chunk costs framing of five bytes each, for ever."""
    assert fed(b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n", [])[0] == b"x" * 50_000


def test_signed_chunks_are_no_attack() -> None:
    """Extensions as long as a signature, on chunks of a kilobyte."""
    chunk = b"400;chunk-signature=" + b"a" * 64 + b"\r\n" + bytes(1024) + b"\r\n"
    assert len(fed(chunk * 500 + b"0\r\n\r\n", [])[0]) == 512_000


def test_a_chunk_beyond_the_limit_is_refused_by_its_size() -> None:
    """Before any of it has come; what came before it stays, and the limit itself fits."""
    body = Body(CHUNKED)
    reader = Chunks(body, 32 * 1024, max_body=10)
    assert reader.take(b"5\r\nhello\r\n5\r\nworld\r\n") is None
    with pytest.raises(BodyTooLarge):
        reader.take(b"1\r\n")
    assert body.peek() == b"helloworld"


def test_it_is_a_refusal_of_the_tree() -> None:
    """What is raised has an answer."""
    with pytest.raises(GatewayError):
        fed(b"x", [])
