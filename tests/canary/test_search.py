"""The search finds what it looks for: without that a run with no hits says nothing."""

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest

from tests.canary.search import Search, halves

CANARY = 'canary-S3cr3t/with+"marks"=&<more>\\0x7f'


def base64_at(before: int, encode: Callable[[bytes], bytes] = base64.b64encode) -> Callable[[str], str]:
    """Return what encodes a secret behind so many other bytes and before some."""
    return lambda secret: encode(b"u:="[:before] + secret.encode() + b"...").decode()


FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in capitals": str.upper,
    "in small letters": str.lower,
    "within words": lambda secret: f"x{secret}x",
    "in a URL": quote,
    "in a URL, all of it": lambda secret: quote(secret, safe=""),
    "in a URL, every byte": lambda secret: "".join(f"%{byte:02x}" for byte in secret.encode()),
    "in a URL, twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "in a form": lambda secret: urlencode({"x": secret}),
    "in a form, small": lambda secret: quote_plus(secret).lower(),
    "in JSON": json.dumps,
    "in JSON, slashes too": lambda secret: json.dumps(secret).replace("/", r"\/"),
    "in JSON, for pages": lambda secret: json.dumps(secret).replace("<", r"\u003c").replace("&", r"\u0026"),
    "in JSON, within JSON": lambda secret: json.dumps(json.dumps({"x": secret})),
    "in JSON, in a URL": lambda secret: quote(json.dumps(secret)),
    "as Python shows it": repr,
    "as Python shows its bytes": lambda secret: repr(secret.encode()),
    "as bytes within an exception": lambda secret: repr(ValueError(f"no {secret!r}")),
    "in a page": html.escape,
    "in hexadecimal": lambda secret: secret.encode().hex(),
    "in hexadecimal, capitals": lambda secret: secret.encode().hex().upper(),
    **{f"in base64, behind {before}": base64_at(before) for before in range(3)},
    **{f"in base64 for URLs, behind {before}": base64_at(before, base64.urlsafe_b64encode) for before in range(3)},
    "in base64, in a URL": lambda secret: quote(base64.b64encode(secret.encode()).decode(), safe=""),
    "in base64, from a URL": lambda secret: base64.b64encode(f"/?x={quote(secret, safe='')}".encode()).decode(),
    "as Basic": lambda secret: "Basic " + base64.b64encode(f"user:{secret}".encode()).decode(),
    "half of it": lambda secret: halves(secret)[0],
    "the other half": lambda secret: halves(secret)[1],
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_secret_is_found(form: str) -> None:
    """Wherever it stands in a log, and it alone."""
    search = Search((*halves(CANARY), "another-secret"))
    planted = f'{{"event": "x"}}\n... {FORMS[form](CANARY)} ...\n'.encode() * 3
    assert search.hits(planted)
    assert "another-secret" not in search.hits(planted)


def test_nothing_is_found_where_nothing_is() -> None:
    """Asterisks, lengths and neighbours are no secret."""
    search = Search(halves(CANARY))
    assert search.hits(b"") == []
    assert search.hits(b'{"token": "****", "secret": "canary", "S3cr3t": 38}') == []
