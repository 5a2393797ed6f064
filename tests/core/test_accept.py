"""Who gets a page, and who JSON."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.accept import LONGEST, prefers_page

BROWSERS = [
    b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
    b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    b"text/html,application/xhtml+xml,application/xml;q=0.9,image/png,image/svg+xml,*/*;q=0.8",
]


@pytest.mark.parametrize(
    "accept",
    [
        *BROWSERS,
        b"text/html",
        b"TEXT/HTML",
        b"text/html;q=0.001",
        b"text/html, application/json;q=0.9, application/problem+json;q=0.999",
        b"text/html ;charset=UTF-8 ; q=1.000 , */*;q=0.9",
        b'text/html;charset="utf-8"',
        b"text/*",
        b"*/*;q=0.3, text/*;q=0.4",
        b"*/*, application/json;q=0, application/problem+json;q=0",
        b"text/html;q=0.8, text/html;level=1;q=0, */*;q=0.1",
        b",, text/html, ,",
        b"text/html;;",
        b'a/b;x="\\", text/plain;q=2", text/html',
    ],
)
def test_a_page(accept: bytes) -> None:
    """For browsers, and whoever else weighs text/html more than either kind of JSON."""
    assert prefers_page(accept)


@pytest.mark.parametrize(
    "accept",
    [
        b"",
        b"*/*",
        b"application/json",
        b"application/problem+json, text/html;q=0.9",
        b"text/html, application/json",
        b"text/html, application/problem+json",
        b"text/html;q=0.5, */*;q=0.5",
        b"text/html;q=0",
        b"text/*;q=0.5, application/*;q=0.6",
        b"*/*, text/html;q=0.9",
        b"text/*, text/html;q=0.1, */*;q=0.2",
        b"text/html;q=0.9, application/json;odata.metadata=minimal",
        b"text/html;level=1",
        b"text/html;charset=latin1",
        b"application/json, text/javascript, */*; q=0.01",
        b"image/avif,image/webp,*/*;q=0.8",
        b"text/event-stream",
        b"application/xhtml+xml",
    ],
)
def test_json(accept: bytes) -> None:
    """For everybody else: JSON is what is sent where there is no preference."""
    assert not prefers_page(accept)


@pytest.mark.parametrize(
    "accept",
    [
        b"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",  # what Java sends unasked
        b"text/html;q=2",
        b"text/html;q=1.001",
        b"text/html;q=0.1234",
        b"text/html;q=",
        b'text/html;q="1"',
        b"text/html;q",
        b"text/html;=1",
        b"text/html application/json",
        b"text/html/x",
        b"*/html",
        b"text",
        b"text/html, \x00",
        b'text/html;x="',
        b"text/html" + b" " * LONGEST,
    ],
)
def test_what_is_malformed_gets_json(accept: bytes) -> None:
    """Nothing is guessed from a field that does not keep to RFC 9110 §12.5.1, nor from one that no browser sends."""
    assert not prefers_page(accept)


WEIGHTS = st.integers(0, 1000)


@given(WEIGHTS, WEIGHTS, WEIGHTS, st.permutations(range(3)))
def test_the_heavier_one(page: int, problem: int, json: int, order: list[int]) -> None:
    """It is the weights that decide, in whatever order they stand."""
    kinds = (("text/html", page), ("application/problem+json", problem), ("application/json", json))
    accept = ", ".join(f"{kind};q={weight / 1000:.3f}" for kind, weight in (kinds[index] for index in order))
    assert prefers_page(accept.encode()) is (page > max(problem, json))


@given(WEIGHTS, WEIGHTS)
def test_a_narrower_range_counts(page: int, rest: int) -> None:
    """What stands for text/html itself goes before what stands for everything."""
    accept = f"*/*;q={rest / 1000:.3f}, text/html;q={page / 1000:.3f}"
    assert prefers_page(accept.encode()) is (page > rest)


@given(st.binary(max_size=200) | st.text('text/html*;q=.01, "\\', max_size=200).map(str.encode))
def test_any_bytes_are_answered(accept: bytes) -> None:
    """No field makes it fail."""
    assert prefers_page(accept) in {True, False}
