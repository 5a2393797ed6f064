"""What a target may show."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.redact import SHOWN, defect, folded, target


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"/a/b", "/a/b"),
        (b"/?token=abc&x=1", "/?token=****&x=1"),
        (b"/?x=1&TOKEN=abc", "/?x=1&TOKEN=****"),
        (b"/?%74oken=abc", "/?%74oken=****"),
        (b"/?%2574oken=abc", "/?%2574oken=****"),
        (b"/?apikey=a;secretkey=b", "/?apikey=****;secretkey=****"),
        (b"/?token=a=b&c", "/?token=****&c"),
        (b"/?token", "/?token"),
        (b"/?tokens=a", "/?tokens=a"),
        (
            b"/?Access-Token=a&x_proxy_key=b&Client%5fSecret=c",
            "/?Access-Token=****&x_proxy_key=****&Client%5fSecret=****",
        ),
        (b"/?keyword=a&monkey=b", "/?keyword=a&monkey=b"),
        (b"/?a=?token=abc", "/?a=?token=abc"),
        (b"/token=abc", "/token=abc"),
        (b"/\xff\x1b[31m", "/\\xff\\x1b[31m"),
        (b"/a\r\nb", "/a\\x0d\\x0ab"),
        (b"/" + b"x" * 5000, "/" + "x" * (SHOWN - 1) + "…"),
    ],
)
def test_secret_values_are_hidden(raw: bytes, shown: str) -> None:
    """Values of token, apikey and secretkey are hidden in whatever spelling, control characters are escaped."""
    assert target(raw) == shown


def test_a_name_of_the_operators() -> None:
    """Where a route injects the token as another parameter, that is hidden, in whatever spelling."""
    assert target(b"/?Sess%69on_id=abc&x=1", frozenset((folded(b"session-id"),))) == "/?Sess%69on_id=****&x=1"


def test_a_defect_is_shown_by_its_kind_and_the_way_to_it() -> None:
    """Never by its text, which may quote a secret."""

    def deep() -> None:
        raise KeyError("hunter2")

    with pytest.raises(KeyError) as raised:
        deep()
    assert re.fullmatch(r"KeyError at test_redact\.py:\d+ > test_redact\.py:\d+", defect(raised.value))
    assert defect(ValueError("hunter2")) == "ValueError"


@given(
    before=st.binary(max_size=30), spelling=st.sampled_from([b"token", b"ToKeN", b"t%6Fken", b"apikey", b"%73ecretkey"])
)
def test_a_secret_never_comes_out(before: bytes, spelling: bytes) -> None:
    """Whatever stands around it."""
    raw = b"/x?" + before + b"&" + spelling + b"=hunter2hunter2&y=1"
    assert "hunter2" not in target(raw)
    assert target(raw).isprintable()


def test_a_long_query_without_a_value_costs_no_time() -> None:
    """Each name is looked at once: tried from each of its bytes, this would take hours, and every log line waits."""
    assert target(b"/?" + b"a" * 1_000_000).endswith("…")
