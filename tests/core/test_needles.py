"""What a secret looks like where others have encoded it."""

import base64
import html
import json
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.identity import identity
from proxy.core.needles import SHORTEST, hidden, needles, too_short
from proxy.core.scrub import Scrub
from proxy.core.secret import Secret

SECRETS = st.text(st.characters(min_codepoint=32, exclude_characters="\x7f", codec="utf-8"), min_size=6)
AWKWARD = "p~ s/w+r=d&<é>'\"\\😀`"


def found(text: str, carrier: bytes) -> bytes:
    """Return what is left of a carrier when a secret has been hidden in it."""
    return Scrub(needles([Secret(text)])).hide(carrier)


@given(secret=SECRETS, before=st.binary(max_size=7), behind=st.binary(max_size=7))
def test_within_base64(secret: str, before: bytes, behind: bytes) -> None:
    """At any of its three alignments: all digits that are the secret's alone, in both alphabets."""
    raw = secret.encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(before + raw + behind)
        first, end = -(-len(before) * 8 // 6), (len(before) + len(raw)) * 8 // 6
        assert found(secret, whole)[first:end] == b"*" * (end - first)
        assert len(found(secret, whole)) == len(whole)


@given(secret=SECRETS)
def test_in_urls_forms_json_and_pages(secret: str) -> None:
    """As the standard library writes it."""
    carriers = [
        quote(secret), quote(secret, safe=""), quote_plus(secret), urlencode({"": secret})[1:],
        json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1],
        html.escape(secret), html.escape(secret, quote=False), secret,
    ]  # fmt: skip
    for carrier in carriers:
        raw = carrier.encode()
        assert found(secret, b"\0" + raw + b"\0") == b"\0" + b"*" * len(raw) + b"\0"


# The awkward secret, as other languages' libraries write it.
WRITTEN = {
    "encodeURIComponent": "p~%20s%2Fw%2Br%3Dd%26%3C%C3%A9%3E'%22%5C%F0%9F%98%80%60",
    "in lower case": "p~%20s%2fw%2br%3dd%26%3c%c3%a9%3e'%22%5c%f0%9f%98%80%60",
    "URLSearchParams": "p%7E+s%2Fw%2Br%3Dd%26%3C%C3%A9%3E%27%22%5C%F0%9F%98%80%60",
    "a path, Go": "p~%20s/w+r=d&%3C%C3%A9%3E'%22%5C%F0%9F%98%80%60",
    "JSON, PHP": r"p~ s\/w+r=d&<\u00e9>'\"\\\ud83d\ude00`",
    "JSON, Go": "p~ s/w+r=d\\u0026\\u003cé\\u003e'\\\"\\\\😀`",
    "JSON, .NET": r"p~ s/w\u002Br=d\u0026\u003C\u00E9\u003E\u0027\u0022\\\uD83D\uDE00\u0060",
    "Jinja": "p~ s/w+r=d&amp;&lt;é&gt;&#39;&#34;\\😀`",
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_as_other_languages_write_it(written: str) -> None:
    """Each of them leaves something else as it is."""
    assert found(AWKWARD, written.encode()) == b"*" * len(written.encode())


def test_base64_in_a_url() -> None:
    """A plus, a slash and padding are escaped there."""
    secret = "secret>>>??>"
    assert b"+" in base64.b64encode(secret.encode())
    carrier = quote(base64.b64encode(secret.encode()), safe="").encode()
    assert found(secret, carrier) == b"*" * len(carrier)


def test_what_was_copied_from_a_query() -> None:
    """There it has been escaped already, and is so again within another URL, or encoded as a whole."""
    query = f"/x?token={quote(AWKWARD, safe='')}&y"
    for carrier in (quote(query), quote_plus(query), urlencode({"next": query})):
        assert found(AWKWARD, carrier.encode()).count(b"*") == len(quote(quote(AWKWARD, safe=""), safe=""))
    whole = base64.b64encode(query.encode())
    assert found(AWKWARD, whole).count(b"*") >= len(quote(AWKWARD, safe="")) * 8 // 6 - 2


def test_a_plain_token_has_few_forms() -> None:
    """Letters and digits read the same nearly everywhere: what is looked for is little."""
    assert len(needles([Secret("f54e34a56b897")])) == 4


def test_bytes_that_are_no_text() -> None:
    """A secret of the environment may hold any."""
    assert found("secret\udcff", b"secret\xff secret%FF") == b"******* *********"


@pytest.mark.parametrize(("text", "short"), [("12345", True), ("123456", False), ("ééé", False), ("", True)])
def test_what_is_too_short_is_not_looked_for(text: str, short: bool) -> None:
    """It would be found in every page; bytes count."""
    assert SHORTEST == 6
    assert too_short(Secret(text)) is short
    assert bool(needles([Secret(text)])) is not short


def test_names_are_shown() -> None:
    """Who logs in is no secret, wherever it stands in a login."""
    secrets = {
        name: Secret(name) for name in ("apikey", "login.basic.username", "login.form.client_id", "a.username.b")
    }
    assert identity((), secrets).hidden == (Secret("apikey"), Secret("a.username.b"))
    assert not hidden("username")
