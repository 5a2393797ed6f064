"""Every kind of credential: what its table becomes, and what is said of its mistakes."""

import os
from pathlib import Path

import pytest

from proxy.config import load
from proxy.config.settings import Config
from proxy.core.answers import InCookie, InField, InJson, OfJwt, Told
from proxy.core.apikey import ApikeyRecipe
from proxy.core.credential import Credential, Reject, Verification
from proxy.core.expiry import As
from proxy.core.held import Held
from proxy.core.injection import Injection, Place
from proxy.core.login_recipe import Format, LoginRecipe
from proxy.core.logout import PlatformLogout, Revocation, SessionEnd
from proxy.core.recipe import SUCCESSFUL, LoginRequest
from proxy.core.route import LOGIN_PATHS
from tests.config.test_mistakes import mistakes

ROUTE = '[[routes]]\nupstream = "https://api.example"\n'
FULL_LOGIN = """\
[credentials.c]
kind = "recipe"
token = { json = "data.items[0].token" }
expiry = { header = "X-Expires", as = "epoch_ms" }
sliding = true
max_age = "2h"
ttl = "10m"
login_timeout = "3s"
ca_file = "ca.pem"
reject = [{ status = 401 }, { status = 403, body = ["dead", "gone"] }]

[credentials.c.login]
url = "https://auth.example/login"
method = "put"
success = [201, 302]
headers = { X-Key = { env = "SECRET" }, X-Version = 2 }
basic = { username = "me", password = { env = "SECRET" } }

[credentials.c.login.json]
user = "me"
"odd key" = { env = "SECRET" }
scopes = ["a", 5, true, { deep = { file = "secret" } }]
"""


def loaded(tmp_path: Path, text: str, **environ: str) -> Config:
    """Return the configuration of a file."""
    (tmp_path / "secret").write_text("filed\n")
    (tmp_path / "secret").chmod(0o600)
    file = tmp_path / "gateway.toml"
    file.write_text(text)
    return load(str(file), {"SECRET": "s3cret", **environ})


def made(tmp_path: Path, keys: str) -> tuple[Credential, Config]:
    """Return the credential that these keys make, and the configuration around it."""
    config = loaded(tmp_path, f"[credentials.c]\n{keys}\n{ROUTE}")
    return config.credentials["c"], config


def asked(recipe: object) -> LoginRequest:
    """Return the login request of a recipe."""
    assert isinstance(recipe, LoginRecipe | ApikeyRecipe)
    return recipe.request({name: source.read() for name, source in recipe.sources.items()})


def test_apikey_is_what_is_meant_without_a_kind(tmp_path: Path) -> None:
    """Its login paths are denied, and its two refusals are the platform's."""
    for kind in ("", 'kind = "apikey"\n'):
        credential, config = made(tmp_path, kind + 'apikey = "a"\nsecretkey = "b"')
        assert asked(credential.recipe).url == "https://api.example/iam/login"
        assert credential.reject == (Reject(401), Reject(403, (b"Invalid token",)))
        assert (config.routes[0].deny, config.routes[0].injection) == (LOGIN_PATHS, Injection())
        assert (credential.ttl, credential.sliding, credential.max_age) == (3600.0, False, 86_400.0)


def test_oauth2(tmp_path: Path) -> None:
    """All that the grant has; no path is denied, 401 alone means a dead token."""
    keys = (
        'kind = "oauth2"\ntoken_url = "https://sso.example/token"\nclient_id = "id"\nclient_secret = { env = "SECRET" }\n'
        'client_auth = "post"\nscope = "a b"\naudience = "c"\nparams = { r = ["x", { file = "secret" }], n = 1 }\n'
    )
    credential, config = made(tmp_path, keys)
    assert asked(credential.recipe).body == (
        b"grant_type=client_credentials&scope=a+b&audience=c&client_id=id&client_secret=s3cret&r=x&r=filed&n=1"
    )
    assert (config.routes[0].deny, credential.reject) == ((), (Reject(401),))
    assert credential.verification == Verification()


def test_a_recipe_with_everything(tmp_path: Path) -> None:
    """Every key arrives where it belongs, and each secret in its place."""
    config = loaded(tmp_path, FULL_LOGIN + ROUTE)
    credential = config.credentials["c"]
    recipe = credential.recipe
    assert isinstance(recipe, LoginRecipe)
    request = asked(recipe)
    assert (request.method, request.url) == ("PUT", "https://auth.example/login")
    assert request.body == b'{"user": "me", "odd key": "s3cret", "scopes": ["a", 5, true, {"deep": "filed"}]}'
    assert dict(request.headers) == {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "Authorization": "Basic bWU6czNjcmV0",
        "X-Key": "s3cret",
        "X-Version": "2",
    }
    assert (recipe.token, recipe.expiry) == (
        InJson(("data", "items", "0", "token")),
        Told(InField("X-Expires"), As.EPOCH_MS),
    )
    assert recipe.success == {201, 302}
    assert (credential.sliding, credential.max_age, credential.ttl, credential.login_timeout) == (True, 7200, 600, 3)
    assert credential.verification == Verification(str(tmp_path / "ca.pem"))
    assert credential.reject == (Reject(401), Reject(403, (b"dead", b"gone")))
    assert "s3cret" not in repr(config)


@pytest.mark.parametrize(
    ("body", "kind", "sent"),
    [
        ("form = { a = 1, b = true }", Format.FORM, b"a=1&b=true"),
        ('body = "<a/>"', Format.RAW, b"<a/>"),
        ('body = { env = "SECRET" }', Format.RAW, b"s3cret"),
        ("json = [1, {}]", Format.JSON, b"[1, {}]"),
        ('json = { env = "SECRET" }', Format.JSON, b'"s3cret"'),
        ("", Format.RAW, b""),
    ],
)
def test_bodies_of_a_recipe(tmp_path: Path, body: str, kind: Format, sent: bytes) -> None:
    """JSON, form, raw or none; POST, any 2xx and no expiry if nothing else is said."""
    login = f"[credentials.c.login]\nurl = 'https://x/login'\n{body}"
    credential, _ = made(tmp_path, f'kind = "recipe"\ntoken = {{ cookie = "N" }}\n{login}')
    recipe = credential.recipe
    assert isinstance(recipe, LoginRecipe)
    assert (recipe.method, recipe.format, recipe.success, recipe.expiry) == ("POST", kind, SUCCESSFUL, None)
    assert (recipe.token, asked(recipe).body) == (InCookie("N"), sent)


@pytest.mark.parametrize("written", list(As))
def test_each_way_to_write_an_expiry(tmp_path: Path, written: As) -> None:
    """By its name in the file; and the token itself."""
    keys = 'kind = "recipe"\nlogin = { url = "https://x/login" }\ntoken = { header = "X" }\n'
    credential, _ = made(tmp_path, f'{keys}expiry = {{ json = "e", as = "{written}" }}')
    assert isinstance(credential.recipe, LoginRecipe)
    assert credential.recipe.expiry == Told(InJson(("e",)), written)
    credential, _ = made(tmp_path, f"{keys}expiry = {{ jwt = true }}")
    assert isinstance(credential.recipe, LoginRecipe)
    assert credential.recipe.expiry == OfJwt()


def test_static_and_basic(tmp_path: Path) -> None:
    """Held, not logged in for: Bearer for the one, Basic for the other."""
    credential, config = made(tmp_path, 'kind = "static"\ntoken = { file = "secret" }')
    assert isinstance(credential.recipe, Held)
    assert credential.recipe.text({"secret": credential.recipe.secret.read()}) == "filed"
    assert config.routes[0].injection.line("filed") == b"Authorization: Bearer filed\r\n"
    credential, config = made(tmp_path, 'kind = "basic"\nusername = "me"\npassword = { env = "SECRET" }')
    assert isinstance(credential.recipe, Held)
    text = credential.recipe.text({name: source.read() for name, source in credential.recipe.sources.items()})
    assert config.routes[0].injection.line(text) == b"Authorization: Basic bWU6czNjcmV0\r\n"
    assert (config.routes[0].deny, credential.reject) == ((), (Reject(401),))


KEYS = {
    "apikey": 'apikey = "a"\nsecretkey = "b"\n',
    "oauth2": 'kind = "oauth2"\ntoken_url = "https://x/t"\nclient_id = "a"\nclient_secret = "b"\n',
    "recipe": 'kind = "recipe"\nlogin = { url = "https://x/l" }\ntoken = { json = "t" }\n',
    "static": 'kind = "static"\ntoken = "t"\n',
    "basic": 'kind = "basic"\nusername = "u"\npassword = "p"\n',
}


@pytest.mark.parametrize("kind", KEYS)
def test_every_kind_goes_where_it_is_told_to(tmp_path: Path, kind: str) -> None:
    """Template, query and cookie of the credential; a route's own goes before."""
    told = {
        'inject = { header = "X-Token", template = "k={token}!" }': Injection(Place.FIELD, b"X-Token", b"k=", b"!"),
        'inject = { query = "access_token" }': Injection(Place.QUERY, b"access_token", b""),
        'inject = { cookie = "sid" }': Injection(Place.COOKIE, b"sid", b""),
    }
    for line, injection in told.items():
        assert made(tmp_path, KEYS[kind] + line)[1].routes[0].injection == injection
        config = loaded(tmp_path, f"[credentials.c]\n{KEYS[kind]}inject = {{ query = 'q' }}\n{ROUTE}{line}\n")
        assert config.routes[0].injection == injection


@pytest.mark.parametrize("kind", KEYS)
def test_a_reject_of_ones_own(tmp_path: Path, kind: str) -> None:
    """For every kind; an empty list says that no answer means it."""
    credential, _ = made(tmp_path, KEYS[kind] + 'reject = [{ status = 419, body = ["ü"] }]')
    assert credential.reject == (Reject(419, ("ü".encode(),)),)
    assert made(tmp_path, KEYS[kind] + "reject = []")[0].reject == ()


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_every_secret_file_that_others_can_read_is_warned_about(tmp_path: Path) -> None:
    """Wherever it stands, by its place."""
    loaded(tmp_path, ROUTE + 'credential = "none"')
    (tmp_path / "open").write_text("x")
    (tmp_path / "open").chmod(0o644)
    text = (
        '[credentials.a]\nkind = "recipe"\ntoken = { json = "t" }\n[credentials.a.login]\nurl = "https://x/l"\n'
        'json = { "p w" = [{ file = "open" }], ok = { file = "secret" } }\nheaders = { X = { file = "open" } }\n'
        'basic = { username = "u", password = { file = "open" } }\n'
        '[credentials.b]\nkind = "oauth2"\ntoken_url = "https://x/t"\nclient_id = { file = "open" }\n'
        'client_secret = "s"\nparams = { p = { file = "open" } }\n'
        '[credentials.c]\nkind = "static"\ntoken = { file = "open" }\n'
        '[credentials.d]\nkind = "basic"\nusername = "u"\npassword = { file = "open" }\n'
    )
    text += "".join(f'[[routes]]\npath = "/{c}"\nupstream = "https://x"\ncredential = "{c}"\n' for c in "abcd")
    places = [warning.partition(": ")[0] for warning in loaded(tmp_path, text).warnings]
    assert places == [
        'credentials.a.login.json."p w"[0]',
        "credentials.a.login.headers.X",
        "credentials.a.login.basic.password",
        "credentials.b.client_id",
        "credentials.b.params.p",
        "credentials.c.token",
        "credentials.d.password",
    ]


def test_the_environment_names_the_keys_of_every_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those inside a login as well; alone it is enough for a platform of another kind."""
    monkeypatch.chdir(tmp_path)
    prefix = "IAM_PROXY__CREDENTIALS__DEFAULT__"
    environ = {
        "IAM_PROXY_UPSTREAM": "https://api.example",
        f"{prefix}KIND": "recipe",
        f"{prefix}LOGIN__URL": "https://auth.example/login",
        f"{prefix}LOGIN__JSON__PASSWORD": '{ env = "SECRET" }',
        f"{prefix}TOKEN": '{ json = "t" }',
        f"{prefix}SLIDING": "true",
        "SECRET": "s3cret",
    }
    credential = load(None, environ).credentials["default"]
    assert (asked(credential.recipe).body, credential.sliding) == (b'{"password": "s3cret"}', True)
    environ = {"IAM_PROXY_UPSTREAM": "https://api.example", f"{prefix}KIND": "static", f"{prefix}TOKEN": "t0ken"}
    assert isinstance(load(None, environ).credentials["default"].recipe, Held)


RECIPE = '[credentials.b]\nkind = "recipe"\ntoken = { json = "t" }\nlogin = { url = "https://x/l" }\n'  # lines 1 to 4
LOGIN = '[credentials.b]\nkind = "recipe"\ntoken = { json = "t" }\n[credentials.b.login]\nurl = "https://x/l"\n'  # to 5
PLACE = 'is no place in an answer; expected { json = "a.b" }, { header = "X" } or { cookie = "N" }'
EXPIRY = 'is no expiry; expected { json = "a.b", as = "…" }, { header = "X", as = "…" } or { jwt = true }'
KNOWN = "expected 'apikey', 'oauth2', 'recipe', 'static', 'basic'"
NO_PAIR = "is not a text, a number, a truth value or a secret"
NO_JSON = "is nothing that JSON has; expected a text, a number, a truth value, a list or a table"

MISTAKES = {
    '[credentials.b]\nkind = "oauth"': f"F:2: credentials.b.kind: is unknown; {KNOWN}",
    "[credentials.b]\nkind = 5": f"F:2: credentials.b.kind: is unknown; {KNOWN}",
    '[credentials.b]\nkind = "oauth2"': "F:1: credentials.b.client_secret: missing",
    '[credentials.b]\nclient_id = "x"': 'F:2: credentials.b.client_id: belongs to kind "oauth2"; this is of kind "apikey"',
    '[credentials.b]\nkind = "basic"\nttl = "1h"': 'F:3: credentials.b.ttl: belongs to kind "apikey" or "oauth2" or '
    '"recipe"; this is of kind "basic"',
    '[credentials.b]\nkind = "oauth2"\ntoken = "x"': 'F:3: credentials.b.token: belongs to kind "recipe" or "static"; '
    'this is of kind "oauth2"',
    '[credentials.b]\nkind = "oauth2"\nclient_idd = "x"': "F:3: credentials.b.client_idd: unknown key; did you mean "
    "client_id?",
    '[credentials.b]\nkind = "oauth2"\ntoken_url = "x"': "F:3: credentials.b.token_url: is not an http or https "
    "URL; expected a URL such as https://my-project.eu.dataplatform.ovh.net",
    '[credentials.b]\nkind = "oauth2"\nclient_auth = "head"': "F:3: credentials.b.client_auth: is unknown; "
    "expected 'basic', 'post'",
    '[credentials.b]\nkind = "oauth2"\nclient_secret = { env = "NONE" }': "F:3: credentials.b.client_secret: the "
    "environment variable NONE is not set",
    '[credentials.b]\nkind = "oauth2"\nparams = { a = { b = 1 } }': f"F:3: credentials.b.params.a: {NO_PAIR}",
    '[credentials.b]\nkind = "oauth2"\nparams = { a = { env = "NONE" } }': "F:3: credentials.b.params.a: the "
    "environment variable NONE is not set",
    '[credentials.b]\nkind = "oauth2"\nparams = "a=b"': "F:3: credentials.b.params: is not a table",
    '[credentials.b]\nkind = "static"\ntoken = { json = "a" }': "F:3: credentials.b.token: is not a secret; expected a "
    'string, { env = "NAME" }, { file = "PATH" } or { command = ["…"] }',
    '[credentials.b]\nkind = "static"\ntoken = "Bearer hunter2"': "F:3: credentials.b.token: has spaces or characters "
    'that a field cannot carry; "Bearer" comes from inject',
    '[credentials.b]\nkind = "basic"\npassword = "x"\nusername = "a:hunter2"': "F:4: credentials.b.username: has a "
    "colon, with which Basic ends the name (RFC 7617)",
    RECIPE + "sliding = 1": "F:5: credentials.b.sliding: is not a truth value; expected true or false",
    RECIPE + 'max_age = "for ever"': 'F:5: credentials.b.max_age: is not a duration; expected for example "250ms", '
    '"5s" or "1h"',
    RECIPE + 'expiry = { json = "a" }': f"F:5: credentials.b.expiry: {EXPIRY}",
    RECIPE + "expiry = { jwt = false }": f"F:5: credentials.b.expiry: {EXPIRY}",
    RECIPE + 'expiry = { cookie = "a", as = "iso" }': f"F:5: credentials.b.expiry: {EXPIRY}",
    RECIPE + 'expiry = { json = "a", as = "days" }': "F:5: credentials.b.expiry: is unknown; expected 'seconds', "
    "'minutes', 'milliseconds', 'epoch', 'epoch_ms', 'iso'",
    RECIPE + "reject = 401": "F:5: credentials.b.reject: is not a list",
    RECIPE + "reject = [401]": "F:5: credentials.b.reject[0]: is not a table",
    RECIPE + "reject = [{ status = 401 }, { staus = 403 }]": "F:5: credentials.b.reject[1].staus: unknown key; did you "
    "mean status?",
    RECIPE + "reject = [{ status = 200 }]": "F:5: credentials.b.reject[0].status: is no such status; expected a "
    "number from 300 to 599",
    RECIPE + 'reject = [{ status = 403, body = "Invalid" }]': "F:5: credentials.b.reject[0].body: is not a list of "
    'texts; expected for example ["Invalid token"]',
    RECIPE.replace('{ json = "t" }', '"x"'): f"F:3: credentials.b.token: {PLACE}",
    RECIPE.replace('json = "t"', 'json = "t", header = "x"'): f"F:3: credentials.b.token: {PLACE}",
    RECIPE.replace('"t"', '"a..b"'): "F:3: credentials.b.token: is no path in JSON; expected for example "
    '"data.token" or "items[0].token"',
    RECIPE.replace('"t"', '"a[x]"'): "F:3: credentials.b.token: is no path in JSON; expected for example "
    '"data.token" or "items[0].token"',
    RECIPE.replace("login = ", "login = 5 #"): "F:4: credentials.b.login: is not a table",
    RECIPE.replace("url", "urll"): "F:4: credentials.b.login.urll: unknown key; did you mean url?",
    LOGIN.replace("https", "ftp"): "F:5: credentials.b.login.url: is not an http or https URL; expected a "
    "URL such as https://my-project.eu.dataplatform.ovh.net",
    LOGIN + 'method = "P O"': 'F:6: credentials.b.login.method: is not a method; expected for example "POST"',
    LOGIN + "success = 200": "F:6: credentials.b.login.success: is not a list of statuses; expected for example "
    "[200, 201]",
    LOGIN + "success = [401]": "F:6: credentials.b.login.success: is no such status; expected a number from 200 to 399",
    LOGIN + 'body = "x"\nform = { a = 1 }': "F:4: credentials.b.login: has several bodies; expected one of json, form "
    "and body",
    LOGIN + "body = 5": "F:6: credentials.b.login.body: is not a secret; expected a string, "
    '{ env = "NAME" }, { file = "PATH" } or { command = ["…"] }',
    LOGIN + "basic = { username = 'u' }": "F:6: credentials.b.login.basic.password: missing",
    LOGIN + "basic = { username = 'u', password = 'p', realm = 'r' }": "F:6: credentials.b.login.basic.realm: unknown "
    "key",
    LOGIN + 'headers = { "a b" = 1 }': "F:6: credentials.b.login.headers.a b: cannot be set; expected the name of a "
    "field that says something to the login",
    LOGIN + "headers = { Content-Length = 1 }": "F:6: credentials.b.login.headers.Content-Length: cannot be set; "
    "expected the name of a field that says something to the login",
    LOGIN
    + 'headers = { X = "a\\r\\nhunter2" }': "F:6: credentials.b.login.headers.X: holds control characters, perhaps "
    "several lines",
    LOGIN + "headers = { X = [1] }": f"F:6: credentials.b.login.headers.X: {NO_PAIR}",
    LOGIN + "form = [1]": "F:6: credentials.b.login.form: is not a table",
    LOGIN + "form = { a = [[1]] }": f"F:6: credentials.b.login.form.a: {NO_PAIR}",
    LOGIN
    + 'json.a = 1\njson.b = [0, { env = "NONE" }]': "F:7: credentials.b.login.json.b[1]: the environment variable "
    "NONE is not set",
    LOGIN + '[credentials.b.login.json]\na = 1\nb = { file = "no" }': "F:8: credentials.b.login.json.b: names a "
    "file that is not there; a relative path begins at DIR",
    LOGIN
    + "json = { a = { env = 5 } }": "F:6: credentials.b.login.json.a: is not a secret; expected a string, { env = "
    '"NAME" }, { file = "PATH" } or { command = ["…"] }',
    LOGIN + "json = { a = nan }": f"F:6: credentials.b.login.json.a: {NO_JSON}",
    LOGIN + "json = { a = 2020-01-01 }": f"F:6: credentials.b.login.json.a: {NO_JSON}",
    KEYS["oauth2"]
    .replace("kind", "[credentials.b]\nkind", 1)
    .replace("https", "http"): "F:3: credentials.b.token_url: "
    "would send the keys over plain http; use https, or write insecure = true at the route",
    LOGIN.replace("https", "http"): "F:5: credentials.b.login.url: would send the keys over plain http; use "
    "https, or write insecure = true at the route",
}


@pytest.mark.parametrize(("text", "line"), MISTAKES.items(), ids=lambda value: value[-40:])
def test_each_mistake_has_its_line(text: str, line: str, tmp_path: Path) -> None:
    """One line for one mistake, with file, line, key, what is wrong and what was expected; no secret."""
    said = mistakes(tmp_path, f"{text}\n{ROUTE}")
    assert line in said
    assert not any("hunter2" in each for each in said)


def test_every_mistake_in_a_login_is_said_at_once(tmp_path: Path) -> None:
    """Each in its own line."""
    body = 'json = { a = { env = "NONE" }, b = nan }\nheaders = { "x y" = 1, X = { env = "NONE" } }\nmethod = 5'
    said = mistakes(tmp_path, f"{LOGIN}{body}\n{ROUTE}")
    assert [line.partition(": ")[2].partition(": ")[0] for line in said] == [
        "credentials.b.login.json.a",
        "credentials.b.login.json.b",
        "credentials.b.login.headers.X",
        "credentials.b.login.headers.x y",
        "credentials.b.login.method",
    ]


@pytest.mark.parametrize(
    ("keys", "url"),
    [(KEYS["oauth2"], "https://x/t"), (KEYS["recipe"], "https://x/l")],
)
def test_keys_may_go_over_plain_http_to_loopback_or_when_told(tmp_path: Path, keys: str, url: str) -> None:
    """As the platform's own login may."""
    loaded(tmp_path, f"[credentials.c]\n{keys.replace(url, 'http://127.0.0.1:1/l')}{ROUTE}")
    loaded(tmp_path, f"[credentials.c]\n{keys.replace('https', 'http')}{ROUTE}insecure = true\n")


def test_logout_is_as_the_kind_has_it(tmp_path: Path) -> None:
    """Each where its table says; it is told the token, so plain http is as much a mistake as for the login."""
    login = 'login_url = "https://x/l"\napikey = "a"\nsecretkey = "b"\nlogout_url = "https://x/out"\napp_id = "app"\n'
    assert loaded(tmp_path, f"[credentials.c]\n{login}{ROUTE}").credentials["c"].logout == PlatformLogout(
        "https://x/out", "app"
    )
    oauth = (
        'kind = "oauth2"\ntoken_url = "https://x/t"\nclient_id = "a"\nclient_secret = "b"\nlogout_url = "https://x/r"\n'
    )
    made = loaded(tmp_path, f"[credentials.c]\n{oauth}{ROUTE}").credentials["c"]
    assert made.logout == Revocation("https://x/r", made.recipe)  # type: ignore[arg-type]
    recipe = FULL_LOGIN.replace("sliding = true", 'logout_url = "https://x/s"')
    assert isinstance(loaded(tmp_path, recipe + ROUTE).credentials["c"].logout, SessionEnd)
    assert mistakes(tmp_path, f"[credentials.c]\n{login}{ROUTE}".replace("https://x/out", "http://x/out")) == [
        "F:5: credentials.c.logout_url: would send the keys over plain http; use https, "
        "or write insecure = true at the route"
    ]
