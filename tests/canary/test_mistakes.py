"""No mistake in a configuration is said with a secret in it: wherever it was put, whatever it looks like."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from proxy.config import load
from proxy.config.kinds import KINDS, BasicAuth, LoginTable, Rule
from proxy.config.schema import SECTIONS, Route, RouteTimeouts, Tls, keys
from proxy.errors import ConfigError
from tests.canary.search import Search, halves

# As platforms make them, and as people write them down.
SECRETS = [
    "canary5f54e34a56b897c0ffee5d",
    "canary/k+S3cr3t=a4f0/==9c",
    "canary-user:pass-wo0rd@host.example",
    "https://canary-user:pass-w0rd@host.example/x?y",
    "redis://:canary-pass-w0rd@host.example:99999/0",
    "canary with blanks and b4dges 77",
    "[canary::bracketed]:7c0de5:80",
    "Bearer canary-eyJhbGciOi.JIUzI1NiJ9",
    "-----BEGIN PRIVATE KEY-----\ncanaryMIIEvQIBADANBgkqhkiG\n-----END PRIVATE KEY-----\n",
]
# The gateway takes the same ways with each of them: one is measured.
EACH = [SECRETS[0], *(pytest.param(each, marks=pytest.mark.no_cover) for each in SECRETS[1:])]
# What a canary in a value leaves to be found where a part of it may be shown, such as the host of a URL.
LOGINS = {
    "apikey": 'apikey = "a"\nsecretkey = "b"\n',
    "oauth2": 'token_url = "https://x/t"\nclient_id = "a"\nclient_secret = "b"\n',
    "recipe": 'token = { json = "t" }\n',
    "static": 'token = "t"\n',
    "basic": 'username = "u"\npassword = "p"\n',
}
# Forms that a value takes, a secret among them.
SHAPES = [
    "{}", "[{}]", '["a", {}]', "{{ env = {} }}", "{{ file = {} }}", "{{ command = [{}] }}", "{{ header = {} }}",
    "{{ query = {} }}", '{{ header = "X-Key", template = {} }}', "{{ json = {} }}", "{{ x = {} }}", "{{ url = {} }}",
    "{{ status = {} }}", "{{ as = {}, json = 'x' }}", "{{ username = {} }}", "[[{}]]", "[{{ status = {} }}]",
    "[{{ status = 403, body = {} }}]", "{{ cron = {{ env = {} }} }}",
]  # fmt: skip
BEHIND = '\n[[routes]]\nupstream = "https://host.example"\n'


def places() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield the head of each table, what else stands in it, and its keys."""
    for name, section in SECTIONS.items():
        yield f"[{name}]", "", tuple(keys(section))
    yield "[server.tls]", "", tuple(keys(Tls))
    yield "[access.client_keys]", "", ("cron",)
    for kind, section in KINDS.items():
        yield "[credentials.c]", f'kind = "{kind}"\n{LOGINS[kind]}', tuple(keys(section))
    login = f'[credentials.c]\nkind = "recipe"\n{LOGINS["recipe"]}'
    yield f"{login}[credentials.c.login]", 'url = "https://x/l"\n', tuple(keys(LoginTable))
    yield f'{login}[credentials.c.login]\nurl = "https://x/l"\n[credentials.c.login.basic]', "", tuple(keys(BasicAuth))
    yield f"{login}[[credentials.c.reject]]", "", tuple(keys(Rule))
    yield "[[routes]]", 'path = "/x"\nupstream = "https://x"\n', tuple(keys(Route))
    yield '[[routes]]\nupstream = "https://x"\n[routes.timeouts]', "", tuple(keys(RouteTimeouts))


def said(text: str, folder: Path, environ: Mapping[str, str]) -> str:
    """Return all that is said of a configuration."""
    file = folder / "gateway.toml"
    file.write_text(text)
    try:
        return "\n".join(load(str(file), environ).warnings)
    except ConfigError as error:
        return "\n".join(error.mistakes)


def told(secret: str, words: str) -> list[str]:
    """Return what of a secret is told."""
    # Where a URL is shown its host may be, which is none.
    return Search(half for half in halves(secret) if "canary" in half).hits(words.replace("host.example", "").encode())


@pytest.mark.parametrize("secret", EACH)
def test_a_secret_in_a_wrong_place(secret: str, tmp_path: Path) -> None:
    """At every key of every table, in every form."""
    mistakes = 0
    for head, rest, names in places():
        for name in names:
            kept = "".join(line for line in rest.splitlines(keepends=True) if not line.startswith(f"{name} ="))
            for shape in SHAPES:
                text = f"{head}\n{kept}{name} = {shape.format(json.dumps(secret))}\n{BEHIND}"
                words = said(text, tmp_path, {})
                mistakes += bool(words)
                assert told(secret, words) == [], text
    assert mistakes > 1500


@pytest.mark.parametrize("secret", EACH)
def test_a_key_that_is_none(secret: str, tmp_path: Path) -> None:
    """Misspelt, of another kind, or of no table: what stands behind it is not said."""
    value = json.dumps(secret)
    for head, rest, names in places():
        for name in (*(f"{each}_" for each in names), "apikye", "passwort", "token", "secret"):
            if f"\n{name} =" not in f"\n{rest}":
                words = said(f"{head}\n{rest}{name} = {value}\n{BEHIND}", tmp_path, {})
                assert told(secret, words) == [], (head, name)


# What goes wrong beside a secret in TOML; `S` is the secret, as TOML writes it.
BROKEN = [
    "apikey = S\napikey = S\n", "apikey = S S\n", "apikey = 'S\n", "apikey = S'\n", "apikey = { env S }\n",
    "apikey S\n",
    "apikey = \n S\n", "apikey = [S\n", "apikey = S, secretkey = S\n", "apikey = {a = S, a = S}\n", "apikey == S\n",
    "= S\n",
    'apikey = "\\q"S\n', "apikey = S\x01\n", "apikey : S\n", "apikey = S\r\n\rx", "[credentials.c]\napikey = S\n",
    "S = 1\nS = 2\n",
    "[S]\n[S]\n", "apikey.x = S\napikey = S\n", "S\n", "apikey = 0xS\n", "apikey = 2020-13-13 # S\n",
    "apikey = S # \x00",
    'apikey = """S\n', "apikey = trueS\n", "apikey = 1_S\n", "[a]]S\n", "[[a]\nS", "a.S.b = 1\na.S.b = 2\n", "\\S",
]  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN)
def test_a_file_that_is_no_toml(broken: str, tmp_path: Path) -> None:
    """The line is told, and what is wrong, and nothing that stands there."""
    for secret in SECRETS:
        for written in (json.dumps(secret), secret):
            words = said(f"[credentials.c]\n{broken.replace('S', written)}{BEHIND}", tmp_path, {})
            assert told(secret, words) == [], words


VARIABLES = [
    "IAM_PROXY_UPSTREAM", "IAM_PROXY_APIKEY", "IAM_PROXY_SECRETKEY", "IAM_PROXY_APIKEY_FILE",
    "IAM_PROXY_SECRETKEY_FILE",
    "IAM_PROXY_LOGIN_URL", "IAM_PROXY_LISTEN", "IAM_PROXY_ADMIN_LISTEN", "IAM_PROXY_SECRET", "IAM_PROXY__X__Y",
    "IAM_PROXY__CREDENTIALS__DEFAULT__KIND", "IAM_PROXY__TOKENS__STORE", "IAM_PROXY__ACCESS__CLIENT_KEYS",
    "IAM_PROXY__LOG__LEVEL", "IAM_PROXY__SERVER__TLS__KEY", "IAM_PROXY__CREDENTIALS", "IAM_PROXY__ROUTES__0__UPSTREAM",
]  # fmt: skip


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_variable_that_holds_another_secret(variable: str, tmp_path: Path) -> None:
    """Two that were mixed up, among others."""
    base = {"IAM_PROXY_UPSTREAM": "https://x", "IAM_PROXY_APIKEY": "a", "IAM_PROXY_SECRETKEY": "b"}
    for secret in SECRETS:
        for value in (secret, json.dumps(secret), f"[{json.dumps(secret)}]", f"{{ env = {json.dumps(secret)} }}"):
            for environ in ({**base, variable: value}, {variable: value}):
                assert told(secret, said("", tmp_path, environ)) == [], environ
