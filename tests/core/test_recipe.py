"""The login request is what the platform documents; its answers are read for what they mean."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.apikey import ApikeyRecipe
from proxy.core.expiry import MAX_LIFETIME
from proxy.core.recipe import Grant, LoginAnswer, redirected
from proxy.core.secret import Secret
from proxy.core.token import sendable
from proxy.errors import LoginError, LoginRejected, LoginUnavailable
from tests.core.secrets import Given

SECRETS = {"apikey": Secret("the-key"), "secretkey": Secret('the "secret" é')}
NOW = 1_600_000_000.0
RECIPE = ApikeyRecipe("https://iam.example/iam/login", Given("the-key"), Given("the-secret"))


def read(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Grant:
    """Read an answer with this JSON value, or these very bytes, as its body."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return RECIPE.read(LoginAnswer(status, tuple((headers or {}).items()), content), NOW)


def test_the_request_is_the_documented_one() -> None:
    """POST, JSON, mode and both keys; nothing more without an app_id."""
    request = RECIPE.request(SECRETS)
    assert (request.method, request.url) == ("POST", "https://iam.example/iam/login")
    assert ("Content-Type", "application/json") in request.headers
    assert json.loads(request.body) == {"auth_mode": "apikey", "apikey": "the-key", "secretkey": 'the "secret" é'}


def test_the_app_id_is_sent_where_it_is_configured() -> None:
    """As a further field."""
    request = replace(RECIPE, app_id="forepaas").request(SECRETS)
    assert json.loads(request.body)["app_id"] == "forepaas"


def test_the_request_cannot_be_printed() -> None:
    """Its repr holds no secret."""
    assert "the-key" not in repr(RECIPE.request(SECRETS))


def test_a_session_gives_token_and_lifetime() -> None:
    """The platform's documented session object, its date with the stray space."""
    session = {"uid": "u", "login": "x", "password_renew": False, "token": "f54e34a56b897"}
    assert read(session) == Grant("f54e34a56b897", None)
    assert read(session | {"token_expire": "2020-09-13T12:36:40.000Z "}) == Grant("f54e34a56b897", 600.0)
    assert read(session | {"token_duration": 60}, status=201) == Grant("f54e34a56b897", 60.0)


def test_the_answers_date_corrects_the_expiry() -> None:
    """An origin whose clock is an hour ahead issues tokens that live no longer for that."""
    session = {"token": "abc", "token_expire": NOW + 3600 + 600}
    assert read(session, headers={"Date": "Sun, 13 Sep 2020 13:26:40 GMT"}).lifetime == 599


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_keys_are_rejected(status: int) -> None:
    """Whatever the body holds, and be it a token."""
    for body in (b"", b"<html>", b'{"error": "Unauthorized"}', b'{"token": "abc"}'):
        with pytest.raises(LoginRejected) as caught:
            read(body, status)
        assert caught.value.cause == f"status {status}"


@pytest.mark.parametrize("status", [100, 301, 302, 303, 307, 308, 404, 408, 418, 429, 500, 502, 503, 504])
def test_any_other_status_that_is_no_success_is_unavailable(status: int) -> None:
    """Whatever the body holds, and be it a token."""
    with pytest.raises(LoginUnavailable) as caught:
        read(b'{"token": "abc"}', status)
    assert caught.value.cause == f"status {status}"


@pytest.mark.parametrize("status", [401, 403, 400, "401"])
def test_a_body_that_says_401_is_rejected(status: object) -> None:
    """The platform puts the status into its bodies; a 200 around it does not make it a success."""
    with pytest.raises(LoginRejected):
        read({"error": "Unauthorized", "success": False, "status": status, "token": "abc"})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'"token"',
        b"{",
        b"<html></html>",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"token": ' + b"1" * 5000 + b"}",
        b"{}",
        b'{"token": null}',
        b'{"token": 5}',
        b'{"token": ""}',
        b'{"token": "a\\r\\nX-Admin: 1"}',
        b'{"token": "a\\u0000"}',
        b'{"token": "\\ud800"}',
        b'{"token": ["a"]}',
        b'{"token": "abc", "success": false}',
        b'{"token": "abc", "status": 500}',
        b'{"error": "Invalid Credentials or Rights"}',
    ],
)
def test_a_success_without_a_token_is_unavailable(body: bytes) -> None:
    """Empty, malformed, no object, no token, an unusable one: each is said, and none of its bytes are."""
    with pytest.raises(LoginUnavailable) as caught:
        read(body)
    assert caught.value.cause
    assert "X-Admin" not in caught.value.cause


@pytest.mark.parametrize(
    "extra", [{"status": 200}, {"status": "ok"}, {"status": True}, {"error": None}, {"warning": "x"}]
)
def test_a_token_with_trimmings_is_a_token(extra: dict[str, object]) -> None:
    """A status that is no error, a warning, an empty error."""
    assert read({"token": "abc"} | extra).text == "abc"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.sampled_from(["token", "token_expire", "token_duration", "status", "success", "error"])


@given(st.dictionaries(FIELDS, JSON) | JSON, st.integers(100, 599), st.dictionaries(st.just("Date"), st.text()))
def test_any_json_is_a_grant_or_an_error_of_ours(body: object, status: int, headers: dict[str, str]) -> None:
    """No answer raises anything else, and a grant is always one that can be used."""
    try:
        grant = read(body, status, headers)
    except LoginError:
        return
    assert sendable(grant.text)
    assert grant.lifetime is None or 0 < grant.lifetime <= MAX_LIFETIME


@given(st.binary(max_size=200))
def test_any_bytes_are_a_grant_or_an_error_of_ours(body: bytes) -> None:
    """Whatever comes with a 200."""
    try:
        assert sendable(read(body).text)
    except LoginUnavailable as error:
        assert error.cause  # noqa: PT017 - either end is right


URL = "https://iam.example/iam/login"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/iam/v4/login", "https://iam.example/iam/v4/login"),
        ("login/", "https://iam.example/iam/login/"),
        ("https://iam.example/x?y=1", "https://iam.example/x?y=1"),
        ("https://IAM.example:443/x", "https://IAM.example:443/x"),
        ("//iam.example/x", "https://iam.example/x"),
    ],
)
@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_within_the_host_is_followed(status: int, location: str, target: str) -> None:
    """307 and 308 keep method and body."""
    assert redirected(URL, status, location) == target


@pytest.mark.parametrize(
    "location",
    [
        None,
        "http://iam.example/iam/login",
        "https://other.example/iam/login",
        "https://iam.example:8443/iam/login",
        "https://iam.example.evil.test/",
        "https://me@iam.example/",
        "//other.example/",
        "https://iam.example:port/",
        "https://[/",
        "ftp://iam.example/",
    ],
)
def test_secrets_do_not_follow_a_redirect_elsewhere(location: str | None) -> None:
    """Another scheme, host, port or user, and what is no URL."""
    assert redirected(URL, 307, location) is None


@pytest.mark.parametrize("status", [200, 300, 301, 302, 303, 304, 401])
def test_other_statuses_do_not_send_the_login_again(status: int) -> None:
    """301 and 302 would turn the POST into a GET."""
    assert redirected(URL, status, "/elsewhere") is None
