"""Hiding: what is hidden does not hang on where a text is cut, and nothing waits that need not."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.scrub import Scrub, Scrubbed

# Few letters, so that needles overlap, repeat themselves and begin one another; longer than what is compared at once.
TEXTS = st.text("ab", min_size=1, max_size=12).map(str.encode)
NEEDLES = st.sets(TEXTS, max_size=6)
PIECES = st.lists(st.text("ab.", max_size=14).map(str.encode), max_size=12)


def marked(text: bytes, needles: set[bytes]) -> bytes:
    """Hide in the plainest way there is."""
    covered = {
        at + offset
        for needle in needles
        for at in range(len(text))
        if text.startswith(needle, at)
        for offset in range(len(needle))
    }
    return bytes(ord("*") if at in covered else byte for at, byte in enumerate(text))


def undecided(text: bytes, needles: set[bytes]) -> int:
    """Return how long the longest end of a text is that may be the beginning of a needle."""
    return max(
        (size for needle in needles for size in range(1, len(needle)) if text.endswith(needle[:size])), default=0
    )


@given(needles=NEEDLES, pieces=PIECES)
def test_pieces_read_as_the_whole(needles: set[bytes], pieces: list[bytes]) -> None:
    """Wherever a text is cut; after each piece just what may be a needle's beginning is held back."""
    text, needle = Scrubbed(Scrub(needles)), b"".join(pieces)
    shown = came = b""
    for piece in pieces:
        came += piece
        shown += text.next(piece, last=False)
        assert len(shown) == len(came) - undecided(came, needles)
    shown += text.next(b"", last=True)
    assert shown == marked(needle, needles) == Scrub(needles).hide(needle)


@given(needles=NEEDLES, text=st.text("ab.", max_size=60).map(str.encode))
def test_byte_by_byte(needles: set[bytes], text: bytes) -> None:
    """The most cuts there can be."""
    scrubbed = Scrubbed(Scrub(needles))
    shown = b"".join(scrubbed.next(text[at : at + 1], last=at + 1 == len(text)) for at in range(len(text)))
    assert shown == marked(text, needles)


@given(
    needle=st.binary(min_size=6, max_size=40),
    before=st.binary(max_size=50),
    behind=st.binary(max_size=50),
    at=st.data(),
)
def test_a_needle_cut_in_two(needle: bytes, before: bytes, behind: bytes, at: st.DataObject) -> None:
    """Any bytes, one cut anywhere."""
    text = before + needle + behind
    cut = at.draw(st.integers(0, len(text)))
    scrubbed = Scrubbed(Scrub({needle}))
    shown = scrubbed.next(text[:cut], last=False) + scrubbed.next(text[cut:], last=True)
    assert shown == marked(text, {needle})
    assert needle not in shown or set(needle) == {ord("*")}


def test_a_long_needle_is_whole_again_behind_every_cut() -> None:
    """As long as a JWT; its first bytes stand in it twice."""
    needle = b"abcdefgh" + b"0123456789abcdef" * 255 + b"abcdefgh"
    scrub = Scrub({needle, needle[:100]})
    for cut in range(len(needle)):
        scrubbed = Scrubbed(scrub)
        shown = scrubbed.next(needle[:cut], last=False) + scrubbed.next(needle[cut:], last=True)
        assert shown == b"*" * len(needle)


def test_what_could_not_be_a_needle_does_not_wait() -> None:
    """An event ends with an empty line, which begins no needle; a first letter may, and waits for the next."""
    scrubbed = Scrubbed(Scrub({b"d0g-d0g-cat", b"d0g-d0g-cow"}))
    assert scrubbed.next(b"data: d0g-d0g-\n\n", last=False) == b"data: d0g-d0g-\n\n"
    assert scrubbed.next(b"data: d0g-d0g-d0", last=False) == b"data: d0g-"
    assert scrubbed.next(b"g-co", last=False) == b""
    assert scrubbed.next(b"!", last=False) == b"d0g-d0g-co!"


def test_a_text_with_nothing_in_it_is_not_copied() -> None:
    """Most of what passes."""
    scrub, text = Scrub({b"needle"}), b"there is nothing to hide in this"
    assert scrub.hide(text) is text
    assert Scrubbed(scrub).next(text, last=False) is text
    lines = [b"X: 1\r\n", b"Y: 2\r\n"]
    assert scrub.lines(lines) is lines


def test_field_lines() -> None:
    """Names and values, each by itself: the colon stays, however a secret reads."""
    lines = [b"Set-Cookie: t=needle; Path=/\r\n", b"X-Needle: 1\r\n", b"X-needle: needle needles\r\n", b"a: bcd\r\n"]
    assert Scrub({b"needle", b"a: bcd"}).lines(lines) == [
        b"Set-Cookie: t=******; Path=/\r\n",
        b"X-Needle: 1\r\n",
        b"X-******: ****** ******s\r\n",
        b"a: bcd\r\n",
    ]


def test_without_needles_everything_passes() -> None:
    """A route whose secrets are all too short."""
    assert Scrubbed(Scrub(())).next(b"anything", last=False) == b"anything"


def test_nothing_of_the_needles_is_printed() -> None:
    """They are secrets."""
    assert repr(Scrub({b"needle"})) == "<Scrub needles=1>"
