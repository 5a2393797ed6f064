"""The client credentials grant is asked for as RFC 6749 writes it."""

import base64
import json
from urllib.parse import parse_qsl

import pytest

from proxy.core.oauth2 import client_credentials
from proxy.core.recipe import Grant, LoginAnswer, LoginRequest
from proxy.errors import LoginRejected
from tests.core.secrets import Given

URL = "https://sso.example/token"
ID, SECRET = Given("the client"), Given("a:b/c+d")


def asked(**more: object) -> LoginRequest:
    """Return the request of a client."""
    recipe = client_credentials(URL, ID, SECRET, **more)  # type: ignore[arg-type]  # a table of cases
    return recipe.request({name: source.read() for name, source in recipe.sources.items()})


def test_the_client_authenticates_by_basic() -> None:
    """RFC 6749 §2.3.1: id and secret form-encoded, then as a name and a password; the body holds neither."""
    request = asked()
    assert (request.method, request.url) == ("POST", URL)
    assert request.body == b"grant_type=client_credentials"
    fields = dict(request.headers)
    assert fields["Content-Type"] == "application/x-www-form-urlencoded"
    assert base64.b64decode(fields["Authorization"].removeprefix("Basic ")) == b"the+client:a%3Ab%2Fc%2Bd"


def test_the_client_authenticates_in_the_body() -> None:
    """RFC 6749 §2.3.1, the other way; no Authorization then."""
    request = asked(client_auth="post")
    assert parse_qsl(request.body.decode()) == [
        ("grant_type", "client_credentials"),
        ("client_id", "the client"),
        ("client_secret", "a:b/c+d"),
    ]
    assert "Authorization" not in dict(request.headers)


def test_scope_audience_and_parameters() -> None:
    """Sent when given; a parameter of one's own replaces what has its name."""
    params = {"resource": ["https://a", "https://b"], "assertion": Given("secret"), "grant_type": "urn:own"}
    request = asked(scope="read write", audience="https://api.example", params=params)
    assert parse_qsl(request.body.decode()) == [
        ("grant_type", "urn:own"),
        ("scope", "read write"),
        ("audience", "https://api.example"),
        ("resource", "https://a"),
        ("resource", "https://b"),
        ("assertion", "secret"),
    ]


@pytest.mark.parametrize(
    ("answer", "lifetime"),
    [({"expires_in": 300}, 300.0), ({"expires_in": "300"}, 300.0), ({}, None), ({"expires_in": None}, None)],
)
def test_an_answer(answer: dict[str, object], lifetime: float | None) -> None:
    """RFC 6749 §5.1: `expires_in` in seconds, which may be left out."""
    body = json.dumps({"access_token": "t1", "token_type": "Bearer"} | answer).encode()
    assert client_credentials(URL, ID, SECRET).read(LoginAnswer(200, (), body), 0.0) == Grant("t1", lifetime)


def test_a_refusal() -> None:
    """RFC 6749 §5.2: 401 for a client that did not authenticate."""
    with pytest.raises(LoginRejected):
        client_credentials(URL, ID, SECRET).read(LoginAnswer(401, (), b'{"error": "invalid_client"}'), 0.0)
