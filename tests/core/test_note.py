"""Notes that gateways leave each other: what is written is read, and nothing else."""

import math

import pytest

from proxy.core import note
from proxy.core.note import FailureNote, Note, TokenNote, left, noted
from proxy.core.token import Token

TOKEN = TokenNote("f54e34a56b897", 3600.0, 1_700_000_000.0)
FAILURE = FailureNote(rejected=True, cause="status 401", by="a1", lifetime=10.0, issued=1_700_000_000.0)


@pytest.mark.parametrize("each", [TOKEN, FAILURE])
def test_what_is_written_is_read(each: Note) -> None:
    """Both kinds come back as they were."""
    assert note.read(note.written(each)) == each


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"text": "t"}',
        b'{"text": "", "lifetime": 1, "issued": 1}',
        b'{"text": "a b", "lifetime": 1, "issued": 1}',
        b'{"text": 5, "lifetime": 1, "issued": 1}',
        b'{"text": "t", "lifetime": 0, "issued": 1}',
        b'{"text": "t", "lifetime": -1, "issued": 1}',
        b'{"text": "t", "lifetime": 1e9, "issued": 1}',
        b'{"text": "t", "lifetime": NaN, "issued": 1}',
        b'{"text": "t", "lifetime": "1", "issued": 1}',
        b'{"text": "t", "lifetime": 1, "issued": Infinity}',
        b'{"text": "t", "lifetime": 1, "issued": 1, "more": 1}',
        b'{"rejected": 1, "cause": "", "by": "", "lifetime": 1, "issued": 1}',
        b'{"rejected": true, "cause": 1, "by": "", "lifetime": 1, "issued": 1}',
    ],
)
def test_anything_else_is_no_note(data: bytes) -> None:
    """One kind of error, whatever it is."""
    with pytest.raises(ValueError, match="note"):
        note.read(data)


def test_what_is_left_is_never_more_than_the_lifetime() -> None:
    """A store that counts is believed, up to the whole lifetime; what it says goes before the wall clock."""
    assert left(TOKEN, 1800.0, 0.0) == 1800.0
    assert left(TOKEN, 7200.0, 0.0) == 3600.0


def test_the_wall_clock_decides_where_the_store_does_not_count() -> None:
    """Age is taken off; a clock some seconds back is the same clock; a note from further in the future is no good."""
    assert left(TOKEN, None, TOKEN.issued + 600) == 3000.0
    assert left(TOKEN, None, TOKEN.issued - 1) == 3600.0
    assert left(TOKEN, None, TOKEN.issued - 60) == 0.0
    assert left(TOKEN, None, TOKEN.issued + 4000) < 0


def test_the_note_of_a_token() -> None:
    """It has the token's whole lifetime, and its issue on the wall clock; an endless one is bounded."""
    made = noted(Token.issued("t", 50.0, 100.0, 0.0), now=60.0, wall=1000.0)
    assert made == TokenNote("t", 100.0, 990.0)
    assert noted(Token("t", math.inf, math.inf), 1.0, 1.0).lifetime < math.inf


def test_a_note_does_not_show_its_token() -> None:
    """It may stand in a log line."""
    assert "f54e34a56b897" not in repr(TOKEN)
