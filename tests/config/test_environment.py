"""What the environment says."""

from pathlib import Path

import pytest

from proxy.config import load
from proxy.core.address import TcpAddress
from proxy.errors import ConfigError
from tests.core.secrets import apikey_login

ENOUGH = {"IAM_PROXY_UPSTREAM": "https://x", "IAM_PROXY_APIKEY": "a", "IAM_PROXY_SECRETKEY": "b"}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file lies in the folder."""
    monkeypatch.chdir(tmp_path)


def said(environ: dict[str, str]) -> list[str]:
    """Return the mistakes in an environment."""
    with pytest.raises(ConfigError) as failed:
        load(None, environ)
    return failed.value.mistakes


def test_enough_for_a_sidecar(tmp_path: Path) -> None:
    """Upstream and keys, a login elsewhere, other listeners, a key in a file."""
    (tmp_path / "key").write_text("filed\n")
    environ = {
        "IAM_PROXY_UPSTREAM": "https://x/base",
        "IAM_PROXY_APIKEY_FILE": str(tmp_path / "key"),
        "IAM_PROXY_SECRETKEY": "b",
        "IAM_PROXY_LOGIN_URL": "https://iam/login",
        "IAM_PROXY_LISTEN": "127.0.0.1:1",
        "IAM_PROXY_ADMIN_LISTEN": "127.0.0.1:2",
        "PATH": "/bin",
    }
    config = load(None, environ)
    login = apikey_login(config.credentials["default"])
    assert (login.apikey.read().reveal(), login.secretkey.read().reveal()) == ("filed", "b")
    assert login.url == "https://iam/login"
    assert config.routes[0].credential == "default"
    assert (config.server.listen, config.admin.listen) == ((TcpAddress("127.0.0.1", 1),), TcpAddress("127.0.0.1", 2))


def test_any_key(tmp_path: Path) -> None:
    """`IAM_PROXY__SECTION__KEY` beats the file; its value is TOML, else a text."""
    (tmp_path / "iam-proxy.toml").write_text(
        '[credentials.Main]\napikey = "file"\nsecretkey = "b"\n[[routes]]\nupstream = "https://x"\n[log]\naccess = true\n'
    )
    environ = {
        "IAM_PROXY__LOG__ACCESS": "false",
        "IAM_PROXY__TIMEOUTS__CONNECT": "7s",
        "IAM_PROXY__SERVER__LISTEN": '["127.0.0.1:1", "[::1]:2"]',
        "IAM_PROXY__CREDENTIALS__MAIN__APIKEY": "env",
    }
    config = load(None, environ)
    assert (config.log.access, config.timeouts.connect, len(config.server.listen)) == (False, 7.0, 2)
    assert apikey_login(config.credentials["Main"]).apikey.read().reveal() == "env"


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        ({**ENOUGH, "IAM_PROXY_UPSTREM": "x"}, "IAM_PROXY_UPSTREM: unknown variable; did you mean IAM_PROXY_UPSTREAM?"),
        (
            {**ENOUGH, "IAM_PROXY_APIKEY_FILE": "x"},
            "IAM_PROXY_APIKEY: IAM_PROXY_APIKEY_FILE is set as well; expected one of the two",
        ),
        (
            {"IAM_PROXY_UPSTREAM": "https://x", "IAM_PROXY_APIKEY": "a"},
            "IAM_PROXY_SECRETKEY: missing; expected the key, or IAM_PROXY_SECRETKEY_FILE with its path",
        ),
        ({"IAM_PROXY_APIKEY": "a"}, "IAM_PROXY_UPSTREAM: missing; keys without a platform to use them at"),
        (
            {**ENOUGH, "IAM_PROXY__TIMEOUTS__CONNECT": "5 minutes"},
            'IAM_PROXY__TIMEOUTS__CONNECT: timeouts.connect: is not a duration; expected for example "250ms", "5s" or "1h"',
        ),
        (
            {**ENOUGH, "IAM_PROXY__SERVER__LISTN": "x"},
            "IAM_PROXY__SERVER__LISTN: server.listn: unknown key; did you mean listen?",
        ),
        (
            {**ENOUGH, "IAM_PROXY__SEVER__LISTEN": "x"},
            "IAM_PROXY__SEVER__LISTEN: sever: unknown table; did you mean server?",
        ),
        (
            {**ENOUGH, "IAM_PROXY_APIKEY": ""},
            "IAM_PROXY_APIKEY: credentials.default.apikey: the environment variable IAM_PROXY_APIKEY is empty",
        ),
        (
            {**ENOUGH, "IAM_PROXY__ROUTES__0__VIA": "false"},
            "IAM_PROXY__ROUTES__0__VIA: routes.0.via: cannot be set by a variable; write it into a file",
        ),
        ({**ENOUGH, "IAM_PROXY__LOG": "loud"}, "IAM_PROXY__LOG: log: is not a table"),
        ({**ENOUGH, "IAM_PROXY__LOG": "loud", "IAM_PROXY__LOG__ACCESS": "true"}, "IAM_PROXY__LOG: log: is not a table"),
        (
            {**ENOUGH, "IAM_PROXY_UPSTREAM": "http://x"},
            "IAM_PROXY_UPSTREAM: routes[0].upstream: would carry the "
            "credential over plain http; use https, or write insecure = true",
        ),
    ],
)
def test_mistakes_name_the_variable(environ: dict[str, str], line: str) -> None:
    """In place of file and line."""
    assert line in said(environ)


def test_a_platform_in_the_environment_and_routes_in_the_file(tmp_path: Path) -> None:
    """One of the two."""
    (tmp_path / "iam-proxy.toml").write_text('[[routes]]\nupstream = "https://x"\ncredential = "none"\n')
    assert "IAM_PROXY_UPSTREAM: the file has [[routes]] as well; expected one of the two" in said(ENOUGH)


def test_no_value_of_a_secret_is_said() -> None:
    """Whatever is wrong with it."""
    assert not any("hunter2" in line for line in said({**ENOUGH, "IAM_PROXY_SECRETKEY": "hunter2\n\x00"}))
