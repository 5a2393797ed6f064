"""Bodies on their way from one side to the other."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.body import CHUNKED, CLOSE, LENGTH, NO_BODY, Body


@dataclass
class Sink:
    """Keeps what it is given."""

    data: bytes = b""
    ends: int = 0
    calls: list[int] = field(default_factory=list)

    def pass_on(self, data: bytes, *, last: bool) -> None:
        """Take more of a body."""
        self.data += data
        self.ends += last
        self.calls.append(len(data))


def chunks(data: bytes) -> bytes:
    """Return the content of a chunked body."""
    content = b""
    while True:
        size, _, rest = data.partition(b"\r\n")
        length = int(size, 16)
        content += rest[:length]
        data = rest[length + 2 :]
        if not length:
            assert data == b""
            return content


PIECES = st.lists(st.binary(min_size=1, max_size=50), max_size=20)


@given(pieces=PIECES, attach_at=st.integers(0, 20))
def test_pieces_arrive_in_order_whenever_the_sink_comes(pieces: list[bytes], attach_at: int) -> None:
    """What came before the sink leaves first, what comes after leaves with each flush, the end exactly once."""
    body, sink = Body(CHUNKED), Sink()
    for number, piece in enumerate(pieces):
        if number == attach_at:
            body.attach(sink)
            body.flush()
        body.feed(piece)
        body.flush()
    body.complete = True
    if body.sink is None:
        body.attach(sink)
    body.flush()
    body.flush()
    assert chunks(sink.data) == b"".join(pieces)
    assert sink.ends == 1
    assert (body.pending, body.size) == (0, len(b"".join(pieces)))


@given(pieces=PIECES, first=st.integers(0, 20), limit=st.integers(0, 600))
def test_a_kept_body_is_sent_a_second_time_byte_for_byte(pieces: list[bytes], first: int, limit: int) -> None:
    """Whatever part of the body the first sink had, the second gets all of it; above the limit it is let go."""
    body, one, two = Body(CHUNKED), Sink(), Sink()
    body.keep(limit, limit)
    body.attach(one)
    for number, piece in enumerate(pieces):
        if number == first and body.replayable:
            body.detach()
            body.attach(two)
        body.feed(piece)
        body.flush()
    body.complete = True
    if body.sink is one and body.replayable:
        body.flush()
        body.detach()
        body.attach(two)
    body.flush()
    whole = b"".join(pieces)
    if body.sink is two:
        assert chunks(two.data) == whole
        assert two.ends == 1
    else:
        assert chunks(one.data) == whole
        assert len(whole) > limit


def test_a_body_that_is_announced_above_the_limit_is_never_kept() -> None:
    """A Content-Length above the limit decides before the first byte."""
    body = Body(LENGTH, 11)
    body.keep(10, 10)
    assert body.replayable  # as long as nothing of it is gone
    body.attach(Sink())
    body.feed(b"x")
    body.flush()
    assert not body.replayable


def test_no_body_is_always_replayable() -> None:
    """There is nothing to keep."""
    assert Body(NO_BODY).replayable
    assert Body(NO_BODY).complete


@pytest.mark.parametrize(("outgoing", "sent"), [(CHUNKED, b"2\r\nab\r\n0\r\n\r\n"), (CLOSE, b"ab"), (LENGTH, b"ab")])
def test_framing_on_the_way_out(outgoing: object, sent: bytes) -> None:
    """A body leaves framed for the connection it goes to, not for the one it came from."""
    body = Body(CHUNKED)
    body.outgoing = outgoing  # type: ignore[assignment]  # parametrised
    body.feed(b"a")
    body.feed(b"b")
    body.complete = True
    sink = Sink()
    assert body.begin(sink) == sent
    body.flush()
    assert sink.calls == []


def test_what_waits_can_be_looked_at() -> None:
    """A peek takes nothing away."""
    body = Body(CHUNKED)
    body.feed(b"ab")
    body.feed(b"c")
    assert body.peek() == b"abc"
    assert body.peek() == b"abc"
    assert repr(body) == "<Body CHUNKED open size=3 pending=3>"
