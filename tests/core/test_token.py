"""A token tells when it may be used, and never what it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.token import Phase, Token, sendable

TEXT = "f54e34a56b897"


def test_phases_follow_each_other_at_the_very_instant() -> None:
    """Fresh until stale_at, stale until expires_at, expired from then on."""
    token = Token(TEXT, expires_at=100.0, stale_at=80.0)
    at = {now: token.phase(now) for now in (0.0, 79.999, 80.0, 99.999, 100.0, 1e9)}
    assert at == {
        0.0: Phase.FRESH,
        79.999: Phase.FRESH,
        80.0: Phase.STALE,
        99.999: Phase.STALE,
        100.0: Phase.EXPIRED,
        1e9: Phase.EXPIRED,
    }


@given(st.floats(0, 1e9), st.floats(0.001, 6e7), st.floats(0, 1, exclude_max=True))
def test_a_refresh_comes_between_three_quarters_and_85_percent(sent_at: float, lifetime: float, random: float) -> None:
    """The lifetime counts from the moment of asking; the refresh ahead is spread over a tenth of it."""
    token = Token.issued(TEXT, sent_at, lifetime, random)
    assert token.expires_at == sent_at + lifetime
    assert sent_at + lifetime * 0.75 <= token.stale_at <= sent_at + lifetime * 0.85


def test_a_token_cannot_be_printed() -> None:
    """Neither repr nor str nor format shows the text or the field."""
    token = Token(TEXT, 1.0, 2.0)
    assert TEXT not in f"{token!r} {token!s} {token}"


def test_tokens_are_told_apart_by_identity() -> None:
    """The same text issued twice makes two tokens: a refusal of one says nothing about the other."""
    one, other = Token(TEXT, 1.0, 1.0), Token(TEXT, 1.0, 1.0)
    assert one != other
    assert len({one, other}) == 2


@pytest.mark.parametrize(
    "text", ["", " ", "a b", "a\r\nX: y", "a\n", "a\0", "\x7f", "\x1b[2J", "é", "\x85", "\ud800", "a\t"]
)
def test_a_text_that_no_field_can_carry_is_no_token(text: str) -> None:
    """Empty, CR, LF, NUL, control bytes, spaces and non-ASCII are refused, without being quoted."""
    with pytest.raises(ValueError, match="cannot stand in a field") as caught:
        Token(text, 1.0, 1.0)
    assert not text.strip() or text not in str(caught.value)


@given(st.text(max_size=20))
def test_what_is_sendable_is_visible_ascii(text: str) -> None:
    """A text is sendable exactly if it is not empty and each of its characters is visible ASCII."""
    assert sendable(text) == (text != "" and all(33 <= ord(each) <= 126 for each in text))
