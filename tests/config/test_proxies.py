"""Which proxy a configuration and its environment name."""

from pathlib import Path

import pytest

from proxy.config import load
from proxy.config.settings import Config
from proxy.core.egress import EgressProxy
from proxy.core.secret import Secret
from proxy.errors import ConfigError

CORP = EgressProxy("proxy.corp", 3128)
KEYS = 'apikey = "key"\nsecretkey = "secret"\n'
FILE = f'[credentials.main]\n{KEYS}LOGIN\n[[routes]]\nupstream = "https://platform.example"\nROUTE\n'
EXPECTED = 'expected "http://HOST:PORT", or "" for none'


def loaded(folder: Path, *, login: str = "", route: str = "", **environ: str) -> Config:
    """Load a file with these lines in its credential and its route."""
    file = folder / "gateway.toml"
    file.write_text(FILE.replace("LOGIN", login).replace("ROUTE", route))
    return load(str(file), environ)


def ways(config: Config, url: str = "https://platform.example/iam/login") -> tuple[str, str]:
    """Return the proxy of the only route, and that of the login at a URL."""
    return str(config.routes[0].egress), str(config.credentials["main"].egress.proxy_for(url))


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, "None"),
        ({"HTTPS_PROXY": "http://a:1"}, "http://a:1"),
        ({"https_proxy": "http://b:2", "HTTPS_PROXY": "http://a:1"}, "http://b:2"),
        ({"HTTP_PROXY": "http://a:1", "http_proxy": "http://a:1"}, "None"),
        ({"ALL_PROXY": "http://c:3"}, "http://c:3"),
        ({"all_proxy": "http://d:4", "ALL_PROXY": "http://c:3"}, "http://d:4"),
        ({"HTTPS_PROXY": "http://a:1", "all_proxy": "http://d:4"}, "http://a:1"),
        ({"https_proxy": "", "HTTPS_PROXY": "http://a:1"}, "http://a:1"),
        ({"HTTPS_PROXY": ""}, "None"),
        ({"HTTPS_PROXY": "proxy.corp:3128"}, "http://proxy.corp:3128"),
        ({"HTTPS_PROXY": "http://proxy.corp/"}, "http://proxy.corp:80"),
        ({"HTTPS_PROXY": "http://[fd00::1]:3128"}, "http://[fd00::1]:3128"),
        ({"HTTPS_PROXY": "http://a:1", "NO_PROXY": "platform.example"}, "None"),
        ({"HTTPS_PROXY": "http://a:1", "no_proxy": "x.example", "NO_PROXY": "platform.example"}, "http://a:1"),
        ({"HTTPS_PROXY": "socks5://a:1", "NO_PROXY": "*"}, "None"),
        ({"HTTP_PROXY": "socks5://a:1"}, "None"),
    ],
)
def test_the_environment(environ: dict[str, str], found: str, tmp_path: Path) -> None:
    """For route and login alike."""
    assert ways(loaded(tmp_path, **environ)) == (found, found)


def test_plain_http_has_a_variable_of_its_own(tmp_path: Path) -> None:
    """Upper case counts too: the gateway is no CGI script."""
    file = tmp_path / "gateway.toml"
    file.write_text('[[routes]]\nupstream = "http://platform.example"\ncredential = "none"\n')
    environ = {"HTTP_PROXY": "http://a:1", "HTTPS_PROXY": "http://b:2"}
    assert str(load(str(file), environ).routes[0].egress) == "http://a:1"


def test_the_environment_alone() -> None:
    """As a sidecar has it."""
    config = load(
        None,
        {
            "IAM_PROXY_UPSTREAM": "https://platform.example",
            "IAM_PROXY_APIKEY": "key",
            "IAM_PROXY_SECRETKEY": "secret",
            "HTTPS_PROXY": "http://a:1",
        },
    )
    assert str(config.routes[0].egress) == "http://a:1"
    assert str(config.credentials["default"].egress.https) == "http://a:1"


def test_a_route_names_its_own(tmp_path: Path) -> None:
    """It beats the environment, NO_PROXY included, and a login at the route's upstream goes the same way."""
    config = loaded(tmp_path, route='egress_proxy = "http://proxy.corp:3128"', HTTPS_PROXY="http://a:1", NO_PROXY="*")
    assert config.routes[0].egress == CORP
    assert ways(config) == ("http://proxy.corp:3128", "http://proxy.corp:3128")
    assert config.warnings == ()


def test_none(tmp_path: Path) -> None:
    """The empty text is a direct way, also where the environment is of no use."""
    for value in ("http://a:1", "socks5://a:1"):
        assert ways(loaded(tmp_path, route='egress_proxy = ""', HTTPS_PROXY=value)) == ("None", "None")


def test_a_login_elsewhere_goes_by_the_environment_or_its_own_key(tmp_path: Path) -> None:
    """As with `ca_file`: what a route says is of its own upstream."""
    elsewhere = 'login_url = "https://sso.example/login"'
    route = 'egress_proxy = "http://proxy.corp:3128"'
    url = "https://sso.example/login"
    assert ways(loaded(tmp_path, login=elsewhere, route=route), url) == ("http://proxy.corp:3128", "None")
    found = ways(loaded(tmp_path, login=elsewhere, route=route, https_proxy="http://a:1"), url)
    assert found == ("http://proxy.corp:3128", "http://a:1")
    own = f'{elsewhere}\negress_proxy = "http://b:2"'
    assert ways(loaded(tmp_path, login=own), url) == ("None", "http://b:2")
    own = f'{elsewhere}\negress_proxy = ""'
    assert ways(loaded(tmp_path, login=own, https_proxy="http://a:1"), url) == ("http://a:1", "None")


def test_user_and_password(tmp_path: Path) -> None:
    """Percent-encoded as in any URL, and never shown."""
    config = loaded(tmp_path, route='egress_proxy = "http://me:p%40ss%3Aword@proxy.corp:3128"')
    assert config.routes[0].egress == EgressProxy("proxy.corp", 3128, Secret("me:p@ss:word"))
    assert "word" not in repr(config.routes[0].egress)


def test_loopback_makes_it_useless(tmp_path: Path) -> None:
    """Which is said."""
    file = tmp_path / "gateway.toml"
    route = 'upstream = "http://127.0.0.1:9902"\ncredential = "none"\negress_proxy = "http://proxy.corp:3128"\n'
    file.write_text(f"[[routes]]\n{route}")
    config = load(str(file), {})
    assert config.routes[0].egress is None
    assert config.warnings == ("routes[0]: egress_proxy is of no use; http://127.0.0.1:9902 is this machine",)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("5", f"is not a text; {EXPECTED}"),
        ('"proxy.corp:3128"', f"is no URL of a proxy; {EXPECTED}"),
        ('"socks5://me:hunter2@proxy.corp:1080"', f"names a SOCKS proxy, which is not supported; {EXPECTED}"),
        ('"socks5h://proxy.corp"', f"names a SOCKS proxy, which is not supported; {EXPECTED}"),
        (
            '"https://me:hunter2@proxy.corp"',
            f"wants TLS to the proxy itself, which is not supported; {EXPECTED}",
        ),
        ('"http://me:hunter2@proxy.corp:3128/path"', f"is no URL of a proxy; {EXPECTED}"),
        ('"http://me:hunter2@proxy.corp:99999"', f"is no URL of a proxy; {EXPECTED}"),
        ('"http://me:hunter2@proxy.corp:0"', f"is no URL of a proxy; {EXPECTED}"),
        ('"http://me:hunter2@proxy.corp:3128?x"', f"is no URL of a proxy; {EXPECTED}"),
        ('"http://"', f"is no URL of a proxy; {EXPECTED}"),
        ('"http://[hunter2]:3128"', f"is no URL of a proxy; {EXPECTED}"),
        ('"http://me:hunter2@-:3128"', f"names no host; {EXPECTED}"),
        ('"http://m%3ae:hunter2@proxy.corp"', "has a colon in its user, with which Basic ends the name (RFC 7617)"),
    ],
)
def test_mistakes(value: str, words: str, tmp_path: Path) -> None:
    """With their line, and never with the URL, which may hold a password."""
    with pytest.raises(ConfigError) as failed:
        loaded(tmp_path, route=f"egress_proxy = {value}")
    assert failed.value.mistakes == [f"{tmp_path}/gateway.toml:7: routes[0].egress_proxy: {words}"]
    with pytest.raises(ConfigError) as failed:
        loaded(tmp_path, login=f"egress_proxy = {value}")
    assert failed.value.mistakes == [f"{tmp_path}/gateway.toml:4: credentials.main.egress_proxy: {words}"]


def test_a_variable_that_cannot_be_used_is_named_where_it_would_be(tmp_path: Path) -> None:
    """At the route and at the login that would be affected; what does not need it is not."""
    with pytest.raises(ConfigError) as failed:
        loaded(tmp_path, all_proxy="socks5h://me:hunter2@proxy.corp:1080")
    words = f"all_proxy of the environment names a SOCKS proxy, which is not supported; {EXPECTED}"
    assert failed.value.mistakes == [
        f"{tmp_path}/gateway.toml:1: credentials.main.egress_proxy: {words}",
        f"{tmp_path}/gateway.toml:5: routes[0].egress_proxy: {words}",
    ]
