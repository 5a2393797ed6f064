"""How paths are judged: whatever some origin might take for another spelling of the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.paths import MAX_LAYERS, decoded, forms, joined, loose, plain, prefixes
from proxy.errors import PathDenied


@pytest.mark.parametrize(
    ("path", "judged"),
    [
        (b"/a/b", b"/a/b"),
        (b"/a/b/", b"/a/b/"),
        (b"/%61/b", b"/a/b"),
        (b"/%2561/b", b"/a/b"),
        (b"/%252561/b", b"/a/b"),
        (b"/a%2Fb", b"/a/b"),
        (b"/a\\b", b"/a/b"),
        (b"/a%5cb", b"/a/b"),
        (b"/a;x=1/b;y", b"/a/b"),
        (b"/a%3Bx/b", b"/a/b"),
        (b"/./a/../a/b", b"/a/b"),
        (b"/./a//b", b"/a/b"),
        (b"/a/b/..", b"/a/"),
        (b"/../../a/b", b"/a/b"),
        (b"//a///b", b"/a/b"),
        (b"/a/.", b"/a/"),
        (b"/", b"/"),
        (b"/%", b"/%"),
        (b"/%zz", b"/%zz"),
        (b"/%ff", b"/\xff"),
        (b"/%u0061/%U0062", b"/a/b"),
        (b"/%u006", b"/%u006"),
    ],
)
def test_the_plain_form(path: bytes, judged: bytes) -> None:
    """Escapes, backslashes, parameters, dot segments and doubled slashes are resolved."""
    assert plain(path) == judged


@pytest.mark.parametrize(
    "path",
    [
        b"/a//../b",
        b"/a/%2e%2E/b",
        b"/a/b%2f../c",
        b"/a/b\\../c",
        b"/a/b%5c../c",
        b"/..;/a",
        b"/a/;/../b",
        b"/a/%252e%252e/b",
        b"/a/%252e/../b",
        b"/a/%25%35%63/../b",
        b"/%41/../b",
    ],
)
def test_what_a_dot_dot_takes_away_has_to_be_plain(path: bytes) -> None:
    """Origins differ in what they take for a segment: nobody can tell where such a path leads, so it leads nowhere."""
    with pytest.raises(PathDenied):
        plain(path)


def test_endless_layers_of_escapes_are_denied() -> None:
    """A path that still changes after many decodings is not judged but refused, so it cannot cost time either."""
    with pytest.raises(PathDenied):
        decoded(b"/%" + b"25" * MAX_LAYERS + b"41")


@pytest.mark.parametrize(
    ("path", "judged"),
    [
        (b"/a/b", {b"/a/b"}),
        (b"/%61;x/b", {b"/a/b"}),
        (b"/a;%2fx/b", {b"/a/b", b"/a/x/b"}),
        (b"/a%3b%252fx/b", {b"/a/b", b"/a/x/b"}),
        (b"/;%2fa/b", {b"/b", b"/a/b"}),
    ],
)
def test_parameters_may_be_dropped_before_escapes_are_decoded(path: bytes, judged: set[bytes]) -> None:
    """Or behind it: both forms are judged."""
    assert set(forms(path)) == judged


@pytest.mark.parametrize(
    ("path", "lenient"),
    [
        (b"/A/b", b"/a/b"),
        (b"/a /b.\n", b"/a/b"),
        (b"/a. ?x", b"/a"),
        (b"/a#x/b", b"/a"),
        (b"/a b/.c", b"/a b/.c"),
        ("/\u212a\u017f\u0130\u0131\u00df".encode(), b"/ksiiss"),
        (b"/\xff\xc4", b"/\xff\xc4"),
    ],
)
def test_what_the_most_lenient_take_a_plain_form_for(path: bytes, lenient: bytes) -> None:
    """Without what some take off the ends, in one case."""
    assert loose(path) == lenient


@given(st.binary(max_size=60))
def test_the_plain_form_is_plain(tail: bytes) -> None:
    """Judging a judged path changes nothing, and it never leaves the root."""
    try:
        once = plain(b"/" + tail)
    except PathDenied:
        return
    assert once.startswith(b"/")
    assert b"/../" not in once + b"/"
    assert b"//" not in once


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (b"/iam/login", True),
        (b"/IAM/Login/x", True),
        (b"/iam/loginx", False),
        (b"/x/iam/login", False),
        (b"/iam", False),
    ],
)
def test_prefixes_match_whole_segments_in_any_case(path: bytes, found: bool) -> None:
    """A prefix is no substring."""
    pattern = prefixes([b"/iam/login", b"/cam/login/"])
    assert pattern is not None
    assert bool(pattern.match(path)) is found


def test_no_prefixes_no_pattern() -> None:
    """Nothing to match is said as None, so that nothing is matched for each request."""
    assert prefixes([]) is None


@pytest.mark.parametrize(
    ("base", "path", "whole"),
    [(b"/b", b"/x", b"/b/x"), (b"/b", b"x", b"/b/x"), (b"/b", b"/", b"/b/"), (b"/b", b"?q", b"/b/?q")],
)
def test_base_and_path_are_joined_with_one_slash(base: bytes, path: bytes, whole: bytes) -> None:
    """One slash, whatever the parts have."""
    assert joined(base, path) == whole
