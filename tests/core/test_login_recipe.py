"""Any login endpoint: the request is what was described, the answer is read where it was said to hold something."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.answers import Expiry, InCookie, InField, InJson, Lookup, OfJwt, Told
from proxy.core.expiry import MAX_LIFETIME, As
from proxy.core.identity import identity
from proxy.core.login_recipe import BasicAuth, Format, LoginRecipe
from proxy.core.recipe import Grant, LoginAnswer, LoginRequest, facts
from proxy.core.token import sendable
from proxy.core.values import Value
from proxy.errors import LoginError, LoginRejected, LoginUnavailable
from tests.core.secrets import Given

NOW = 1_600_000_000.0
AHEAD = "Sun, 13 Sep 2020 12:36:40 GMT"  # NOW and ten minutes
URL = "https://auth.example/login"
TOKEN = InJson(("token",))
BASE = LoginRecipe(URL, TOKEN)


def asked(recipe: LoginRecipe) -> LoginRequest:
    """Return the request, with the secrets as they are."""
    return recipe.request({name: source.read() for name, source in recipe.sources.items()})


def answered(body: object = None, status: int = 200, *fields: tuple[str, str]) -> LoginAnswer:
    """Return an answer with this JSON value, or these very bytes, as its body."""
    return LoginAnswer(status, fields, body if isinstance(body, bytes) else json.dumps(body).encode())


def jwt(claims: object) -> str:
    """Return a token that says this of itself, with a signature that nobody looks at."""
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in ({"alg": "none"}, claims))
    return b".".join((*(part.rstrip(b"=") for part in parts), b"c2ln")).decode()


# --- the request
def test_a_json_body_with_secrets_in_it() -> None:
    """At any depth, beside values of every kind."""
    body: Value = {
        "auth": {"user": "me", "password": Given('the "secret" é')},
        "remember": True,
        "tries": [1, Given("2")],
    }
    recipe = replace(BASE, format=Format.JSON, body=body)
    assert set(recipe.sources) == {"login.json.auth.password", "login.json.tries[1]"}
    request = asked(recipe)
    assert (request.method, request.url) == ("POST", URL)
    assert dict(request.headers) == {"Accept": "application/json", "Content-Type": "application/json"}
    assert json.loads(request.body) == {
        "auth": {"user": "me", "password": 'the "secret" é'},
        "remember": True,
        "tries": [1, "2"],
    }


def test_a_form_with_secrets_in_it() -> None:
    """Escaped as forms are; a list is several pairs."""
    recipe = replace(BASE, format=Format.FORM, body={"p w": Given("a&b=c é"), "n": 5, "ok": True, "r": ["x", "y"]})
    request = asked(recipe)
    assert dict(request.headers)["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qsl(request.body.decode()) == [("p w", "a&b=c é"), ("n", "5"), ("ok", "true"), ("r", "x"), ("r", "y")]


def test_a_raw_body() -> None:
    """A text or a secret as it is, without a type but the one that is given."""
    recipe = replace(BASE, method="PUT", body=Given("<key>é</key>"), headers={"Content-Type": "application/xml"})
    request = asked(recipe)
    assert (request.method, request.body) == ("PUT", "<key>é</key>".encode())
    assert dict(request.headers) == {"Accept": "application/json", "Content-Type": "application/xml"}
    assert asked(BASE).body == b""


def test_headers_of_ones_own_replace_those_that_go_with_the_rest() -> None:
    """Whatever their case; secrets among them."""
    recipe = replace(BASE, format=Format.JSON, headers={"accept": "*/*", "X-Key": Given("k"), "X-Version": 2})
    assert asked(recipe).headers == (
        ("Content-Type", "application/json"),
        ("accept", "*/*"),
        ("X-Key", "k"),
        ("X-Version", "2"),
    )


def test_basic_authentication() -> None:
    """Name and password as they are; form-encoded before where the login is OAuth 2.0's."""
    recipe = replace(BASE, basic=BasicAuth("me", Given("a:b %é")))
    assert set(recipe.sources) == {"login.basic.password"}
    line = dict(asked(recipe).headers)["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(line).decode() == "me:a:b %é"
    escaped = replace(recipe, basic=BasicAuth("m e", Given("a:b %é"), escaped=True))
    line = dict(asked(escaped).headers)["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(line).decode() == "m+e:a%3Ab+%25%C3%A9"


@pytest.mark.parametrize("written", list(Format))
def test_bytes_that_are_no_utf8_are_sent_as_they_are(written: Format) -> None:
    """A variable of the environment may hold them."""
    body = Given("\udcff") if written is Format.RAW else {"p": Given("\udcff")}
    recipe = replace(BASE, format=written, body=body, basic=BasicAuth("u", Given("\udcff")))
    request = asked(recipe)
    assert request.body == {Format.JSON: b'{"p": "\\udcff"}', Format.FORM: b"p=%FF", Format.RAW: b"\xff"}[written]
    assert ("Authorization", "Basic " + base64.b64encode(b"u:\xff").decode()) in request.headers


def test_nothing_of_it_can_be_printed() -> None:
    """Neither recipe nor request shows a value that might be a secret, not even one that is written out."""
    recipe = replace(
        BASE, format=Format.JSON, body={"p": "hunter2"}, headers={"k": "hunter2"}, basic=BasicAuth("u", "hunter2")
    )
    assert "hunter2" not in repr(recipe) + repr(asked(recipe))


# --- the token
@pytest.mark.parametrize(
    ("where", "answer"),
    [
        (TOKEN, answered({"token": "t1"})),
        (InJson(("a", "b", "c")), answered({"a": {"b": {"c": "t1"}}})),
        (InJson(("a", "1", "0")), answered({"a": [0, ["t1"]]})),
        (InJson(("0", "token")), answered([{"token": "t1"}])),
        (InJson(("a", "0")), answered({"a": {"0": "t1"}})),
        (InJson(()), answered("t1")),
        (InField("X-Token"), answered(None, 200, ("x-token", "t1"))),
        (InField("Authorization"), answered(b"", 200, ("Authorization", "Bearer t1"))),
        (InCookie("N"), answered(b"", 200, ("Set-Cookie", "N=t1"))),
        (InCookie("N"), answered(b"", 200, ("Set-Cookie", "M=x; N=y"), ("set-cookie", " N = t1 ; Path=/; HttpOnly"))),
        (InCookie("N"), answered(b"", 200, ("Set-Cookie", "N=old"), ("Set-Cookie", "N=t1"), ("Set-Cookie", "n=x"))),
    ],
)
def test_a_token_is_found(where: Lookup, answer: LoginAnswer) -> None:
    """In JSON at any depth, in a field, in a cookie."""
    assert replace(BASE, token=where).read(answer, NOW) == Grant("t1")


@pytest.mark.parametrize(
    ("where", "answer"),
    [
        (TOKEN, answered(b"")),
        (TOKEN, answered(b"<html>hunter2")),
        (TOKEN, answered(b"[" * 100_000)),
        (TOKEN, answered(b'{"token": ' + b"1" * 5000 + b"}")),
        (TOKEN, answered([])),
        (TOKEN, answered({"tokens": "hunter2"})),
        (TOKEN, answered({"token": None})),
        (TOKEN, answered({"token": 5})),
        (TOKEN, answered({"token": {"hunter2": 1}})),
        (TOKEN, answered({"token": ""})),
        (TOKEN, answered({"token": "hunter2\r\nX: y"})),
        (TOKEN, answered({"token": "hunter2 é"})),
        (InJson(("a", "9")), answered({"a": ["hunter2"]})),
        (InJson(("a", "-1")), answered({"a": ["hunter2"]})),
        (InJson(("a", "0")), answered({"a": "hunter2"})),
        (InField("X-Token"), answered({"token": "hunter2"})),
        (InField("X-Token"), answered(b"", 200, ("X-Token", ""))),
        (InField("X-Token"), answered(b"", 200, ("X-Token", "hunter2"), ("X-Token", "other"))),
        (InCookie("N"), answered(b"", 200, ("Set-Cookie", "n=hunter2"))),
        (InCookie("N"), answered(b"", 200, ("Set-Cookie", "M=1; N=hunter2"))),
        (InCookie("N"), answered(b"", 200, ("Set-Cookie", "N=; Max-Age=0"))),
        (InCookie("N"), answered(b"", 200, ("Cookie", "N=hunter2"))),
    ],
)
def test_a_success_without_a_token_is_unavailable(where: Lookup, answer: LoginAnswer) -> None:
    """Missing, ambiguous, deleted, of another type, unusable: it is said, and nothing that was received is."""
    with pytest.raises(LoginUnavailable) as caught:
        replace(BASE, token=where).read(answer, NOW)
    assert caught.value.cause
    assert "hunter2" not in caught.value.cause


@pytest.mark.parametrize("status", [401, 403])
def test_refused_keys_are_rejected(status: int) -> None:
    """Whatever the body holds, and be it a token."""
    with pytest.raises(LoginRejected) as caught:
        BASE.read(answered({"token": "t1"}, status), NOW)
    assert caught.value.cause == f"status {status}"


@pytest.mark.parametrize("status", [100, 302, 307, 400, 404, 408, 418, 429, 500, 503])
def test_any_other_status_is_unavailable(status: int) -> None:
    """400 as well: only the platform's own login says so of keys."""
    with pytest.raises(LoginUnavailable) as caught:
        BASE.read(answered({"token": "t1"}, status), NOW)
    assert caught.value.cause == f"status {status}"


def test_a_success_is_what_is_said_to_be_one() -> None:
    """Any 2xx, or the statuses that are listed and no other."""
    for status in (200, 201, 204, 299):
        assert BASE.read(answered({"token": "t1"}, status), NOW).text == "t1"
    form = replace(BASE, token=InCookie("N"), success=frozenset({302}))
    assert form.read(answered(b"", 302, ("Set-Cookie", "N=t1")), NOW).text == "t1"
    with pytest.raises(LoginUnavailable):
        form.read(answered(b"", 200, ("Set-Cookie", "N=t1")), NOW)
    with pytest.raises(LoginRejected):
        form.read(answered(b"", 401, ("Set-Cookie", "N=t1")), NOW)


# --- the expiry
@pytest.mark.parametrize(
    ("written", "value"),
    [
        (As.SECONDS, 600),
        (As.SECONDS, "600"),
        (As.MINUTES, 10),
        (As.MILLISECONDS, 600_000.0),
        (As.EPOCH, NOW + 600),
        (As.EPOCH, str(NOW + 600)),
        (As.EPOCH_MS, (NOW + 600) * 1000),
        (As.ISO, "2020-09-13T12:36:40Z"),
        (As.ISO, "2020-09-13T14:36:40.000000+0200"),
    ],
)
def test_an_expiry_is_read_as_it_is_written(written: As, value: object) -> None:
    """From JSON and from a field."""
    in_json = replace(BASE, expiry=Told(InJson(("e",)), written))
    in_field = replace(BASE, expiry=Told(InField("X-Expires"), written))
    assert in_json.read(answered({"token": "t1", "e": value}), NOW) == Grant("t1", 600.0)
    assert in_field.read(answered({"token": "t1"}, 200, ("X-Expires", str(value))), NOW) == Grant("t1", 600.0)


ABSOLUTE: list[tuple[Expiry, dict[str, Any]]] = [
    (Told(InJson(("e",)), As.EPOCH), {"token": "t1", "e": NOW + 900}),
    (Told(InJson(("e",)), As.EPOCH_MS), {"token": "t1", "e": (NOW + 900) * 1000}),
    (Told(InJson(("e",)), As.ISO), {"token": "t1", "e": "2020-09-13T12:41:40Z"}),
    (OfJwt(), {"token": jwt({"exp": int(NOW) + 900})}),
]


@pytest.mark.parametrize(("expiry", "body"), ABSOLUTE)
def test_a_wrong_clock_is_corrected_by_the_answers_date(expiry: Expiry, body: dict[str, Any]) -> None:
    """Whatever names a date; a length is none."""
    recipe = replace(BASE, expiry=expiry)
    assert recipe.read(answered(body), NOW).lifetime == 900
    assert recipe.read(answered(body, 200, ("date", AHEAD)), NOW).lifetime == 299
    length = replace(BASE, expiry=Told(InJson(("e",)), As.SECONDS))
    assert length.read(answered({"token": "t1", "e": 900}, 200, ("Date", AHEAD)), NOW).lifetime == 900


@pytest.mark.parametrize("written", list(As))
@pytest.mark.parametrize(
    "useless", [None, "", "soon", True, [], {}, -1, 0, float("nan"), float("inf"), "1e400", 10**400, 1e300, NOW - 1]
)
def test_a_useless_expiry_is_passed_over(written: As, useless: object) -> None:
    """Absent, past, absurd, of another type: the ttl counts."""
    if written in {As.SECONDS, As.MINUTES, As.MILLISECONDS} and useless == NOW - 1:
        return  # half a century, or 18 days of milliseconds
    grant = replace(BASE, expiry=Told(InJson(("e",)), written)).read(answered({"token": "t1", "e": useless}), NOW)
    assert grant == Grant("t1", None)


def test_an_answer_whose_expiry_cannot_be_read_has_its_token_all_the_same() -> None:
    """The token came in a field, the body is no JSON."""
    recipe = replace(BASE, token=InField("X"), expiry=Told(InJson(("e",)), As.SECONDS))
    assert recipe.read(answered(b"<html>", 200, ("X", "t1")), NOW) == Grant("t1", None)


@pytest.mark.parametrize(
    "token",
    [
        "opaque",
        "a.b",
        "a.b.c",
        "a.b.c.d.e",
        "..",
        "." + "=" * 9 + ".",
        jwt([]),
        jwt({}),
        jwt({"exp": None}),
        jwt({"exp": "soon"}),
        jwt({"exp": NOW - 1}),
        jwt({"exp": 10**400}),
        "e30." + base64.urlsafe_b64encode(b"[" * 100_000).decode() + ".x",
        "e30." + base64.urlsafe_b64encode(b"\xff\xfe").decode() + ".x",
    ],
)
def test_a_token_that_does_not_say_its_expiry_has_none(token: str) -> None:
    """No JWT, an encrypted one, one without the claim or with nonsense in it."""
    assert replace(BASE, expiry=OfJwt()).read(answered({"token": token}), NOW) == Grant(token, None)


# --- who logs in
@pytest.mark.parametrize(
    "other",
    [
        replace(BASE, token=InJson(("token2",))),
        replace(BASE, token=InField("token")),
        replace(BASE, token=InCookie("token")),
        replace(BASE, token=InJson(("to", "ken"))),
        replace(BASE, expiry=OfJwt()),
        replace(BASE, body="x"),
        replace(BASE, headers={"X": "y"}),
        replace(BASE, basic=BasicAuth("u", "p")),
        replace(BASE, method="PUT"),
        replace(BASE, url=URL + "/"),
    ],
)
def test_another_login_is_another_identity(other: LoginRecipe) -> None:
    """Whatever is asked otherwise, or read elsewhere in the answer."""
    assert identity(facts(other, {}), {}).key != identity(facts(BASE, {}), {}).key


# --- anything at all
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "token", "e", "exp"]), inner),
    max_leaves=8,
)
BODIES = st.binary(max_size=80) | JSON.map(lambda value: json.dumps(value).encode())
WHERE = st.sampled_from([TOKEN, InJson(()), InJson(("a", "0")), InField("x"), InCookie("n")])
EXPIRY = (
    st.none() | st.just(OfJwt()) | st.builds(Told, st.sampled_from([InJson(("e",)), InField("e")]), st.sampled_from(As))
)
FIELDS = st.lists(
    st.tuples(st.sampled_from(["X", "E", "Date", "Set-Cookie"]), st.text(max_size=20) | st.just("n=t1; Path=/")),
    max_size=4,
)


@given(WHERE, EXPIRY, st.sampled_from([200, 201, 302, 400, 401, 500]), FIELDS, BODIES | JSON.map(jwt).map(str.encode))
def test_any_answer_is_a_grant_or_an_error_of_ours(
    token: Lookup, expiry: Expiry | None, status: int, fields: list[tuple[str, str]], body: bytes
) -> None:
    """Nothing else is raised, and a grant is always one that can be used."""
    try:
        grant = replace(BASE, token=token, expiry=expiry).read(LoginAnswer(status, tuple(fields), body), NOW)
    except LoginError as error:
        assert error.cause  # noqa: PT017 - either end is right
        return
    assert sendable(grant.text)
    assert grant.lifetime is None or 0 < grant.lifetime <= MAX_LIFETIME


@given(JSON)
def test_any_claims_give_a_lifetime_within_reason(claims: Mapping[str, object]) -> None:
    """Whatever a token says of itself."""
    seconds = replace(BASE, expiry=OfJwt()).read(answered({"token": jwt(claims)}), NOW).lifetime
    assert seconds is None or 0 < seconds <= MAX_LIFETIME
