"""What a configuration becomes."""

import os
import re
import sys
from pathlib import Path

import pytest

from proxy.config import load
from proxy.config.settings import Config
from proxy.core.address import TcpAddress, UnixAddress, Upstream
from proxy.core.credential import Verification
from proxy.core.route import LOGIN_PATHS
from proxy.core.secret import Secret
from proxy.core.store import StoreFile, StorePlace, StoreServer
from proxy.errors import ConfigError
from tests.core.secrets import apikey_login

DOCUMENT = Path(__file__).parents[2] / "docs" / "shared-tokens.md"
KEYS = '[credentials.main]\napikey = "key"\nsecretkey = "secret"\n'


def loaded(tmp_path: Path, text: str, **environ: str) -> Config:
    """Return the configuration of a file."""
    file = tmp_path / "gateway.toml"
    file.write_text(text)
    return load(str(file), environ)


def test_the_least_there_can_be(tmp_path: Path) -> None:
    """An upstream and two keys; everything else is as documented."""
    config = loaded(tmp_path, KEYS + '[[routes]]\nupstream = "https://platform.example/base/"\n')
    route, login = config.routes[0], apikey_login(config.credentials["main"])
    assert route.upstream == Upstream("https", "platform.example", 443, b"/base")
    assert (route.path, route.credential, route.deny) == (b"/", "main", LOGIN_PATHS)
    assert login.url == "https://platform.example/base/iam/login"
    assert login.apikey.read().reveal() == "key"
    assert config.server.listen == (TcpAddress("127.0.0.1", 8080),)
    assert config.admin.listen == TcpAddress("127.0.0.1", 9901)
    assert config.warnings == ()


def test_everything_that_works(tmp_path: Path) -> None:
    """Each key of a route and of the other tables arrives where it belongs."""
    text = KEYS + (
        "[server]\nlisten = ['127.0.0.1:1', '[::1]:2', 'unix:/run/x.sock']\ndrain_timeout = '1m30s'\n"
        "[admin]\nlisten = ''\n"
        "[limits]\nmax_header_size = '8KiB'\nreplay_buffer = '2MB'\nmax_in_flight = 5\nmax_origin_connections = 6\n"
        "max_body_size = '10MB'\nmax_connections = 7\n"
        "[timeouts]\nconnect = '250ms'\nidle = '1h'\n"
        "[log]\nformat = 'json'\nlevel = 'debug'\naccess = false\n"
        "[[routes]]\npath = '/api/'\nhost = 'API.localhost'\nupstream = 'http://127.0.0.1:81'\nstrip_prefix = true\n"
        "methods = ['get', 'POST']\ndeny = ['/x']\nallow = ['/y']\npreserve_host = true\nvia = false\nreplay = false\n"
        "verify = false\nca_file = 'ca.pem'\ntimeouts = { response = '2h' }\n"
        "[[routes]]\nupstream = 'https://bücher.example'\ncredential = 'none'\n"
    )
    config = loaded(tmp_path, text)
    route, plain = config.routes
    assert config.server.listen == (TcpAddress("127.0.0.1", 1), TcpAddress("::1", 2), UnixAddress("/run/x.sock"))
    assert (config.server.drain_timeout, config.admin.listen) == (90.0, None)
    assert (config.limits.max_header_size, config.limits.replay_buffer) == (8192, 2_000_000)
    assert (config.limits.max_in_flight, config.limits.max_origin_connections) == (5, 6)
    assert (config.limits.max_body_size, config.limits.max_connections) == (10_000_000, 7)
    assert (config.log.format, config.log.level, config.log.access) == ("json", "debug", False)
    assert (route.path, route.host, route.label) == (b"/api", b"api.localhost", "api.localhost/api")
    assert route.methods == frozenset((b"GET", b"HEAD", b"POST"))
    assert (route.deny, route.allow) == ((b"/x",), (b"/y",))
    assert (route.strip_prefix, route.preserve_host, route.via, route.replay) == (True, True, False, False)
    assert route.verification == Verification(str(tmp_path / "ca.pem"), verify=False)
    assert config.credentials["main"].verification == route.verification
    assert (route.timeouts.connect, route.timeouts.response, route.timeouts.idle) == (0.25, 7200.0, 3600.0)
    assert (plain.upstream.host, plain.credential, plain.deny) == ("xn--bcher-kva.example", None, ())
    assert any("verify = false" in warning for warning in config.warnings)


def test_secrets_in_files_are_read_anew(tmp_path: Path) -> None:
    """Relative to the configuration's folder, the end of the line trimmed, each time as the file is now."""
    (tmp_path / "key").write_text("one\n")
    (tmp_path / "key").chmod(0o600)
    text = '[credentials.a]\napikey = { file = "key" }\nsecretkey = { command = ["echo", "two"] }\n[[routes]]\nupstream = "https://x"\n'
    login = apikey_login(loaded(tmp_path, text).credentials["a"])
    assert login.apikey.read().reveal() == "one"
    (tmp_path / "key").write_text("three\r\n")
    assert login.apikey.read().reveal() == "three"
    assert login.secretkey.read().reveal() == "two"
    assert (login.apikey.poll, login.secretkey.poll) == (5.0, 60.0)
    assert "three" not in repr(login)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_a_secret_file_that_others_can_read_is_warned_about(tmp_path: Path) -> None:
    """The line says what to do."""
    (tmp_path / "key").write_text("one")
    (tmp_path / "key").chmod(0o644)
    text = '[credentials.a]\napikey = { file = "key" }\nsecretkey = "x"\n[[routes]]\nupstream = "https://x"\n'
    assert loaded(tmp_path, text).warnings == (
        f"credentials.a.apikey: {tmp_path / 'key'} can be read by others; chmod 600 it",
    )


def test_secrets_too_short_to_be_scrubbed_are_warned_about(tmp_path: Path) -> None:
    """By their places, where a route scrubs; names are not hidden, and not warned about."""
    text = (
        '[credentials.a]\nkind = "recipe"\ntoken = { json = "t" }\n[credentials.a.login]\nurl = "https://x/l"\n'
        'json = { user = "me", pin = { env = "PIN" } }\nbasic = { username = "me", password = "long-enough" }\n'
        '[[routes]]\npath = "/a"\nupstream = "https://x"\ncredential = "a"\n'
        '[[routes]]\npath = "/b"\nupstream = "https://x"\ncredential = "a"\n'
    )
    assert loaded(tmp_path, text, PIN="12345").warnings == ()
    config = loaded(tmp_path, text + "scrub = true\n", PIN="12345")
    assert [route.scrub for route in config.routes] == [False, True]
    assert config.warnings == ("credentials.a.login.json.pin has fewer than 6 bytes, too few for scrub to hide",)
    assert loaded(tmp_path, text + "scrub = true\n", PIN="123456").warnings == ()


def test_a_credential_that_nobody_uses_is_warned_about(tmp_path: Path) -> None:
    """It logs in nowhere."""
    config = loaded(tmp_path, KEYS + '[[routes]]\nupstream = "https://x"\ncredential = "none"\n')
    assert config.warnings == ("credentials.main is used by no route",)
    assert config.credentials == {}


def test_a_repr_shows_no_secret(tmp_path: Path) -> None:
    """Not even one that stands in the file itself."""
    config = loaded(tmp_path, KEYS.replace('"key"', '"hunter2"') + '[[routes]]\nupstream = "https://x"\n')
    assert "hunter2" not in repr(config)


def test_listening_beyond_loopback_with_a_rule(tmp_path: Path) -> None:
    """With somebody let in beyond loopback it is fine."""
    text = (
        KEYS + '[server]\nlisten = "0.0.0.0:80"\n[access]\nallow = ["10.0.0.0/8"]\n[[routes]]\nupstream = "https://x"\n'
    )
    config = loaded(tmp_path, text)
    assert config.access.allows("10.1.2.3")
    assert not config.access.allows("127.0.0.1")


def test_as_many_processes_as_there_are_cores(tmp_path: Path) -> None:
    """With "auto": those that this one may use."""
    text = '[server]\nworkers = "auto"\n[[routes]]\nupstream = "https://origin.example"\n'
    assert loaded(tmp_path, text).server.workers == len(os.sched_getaffinity(0))


def test_where_tokens_are_kept(tmp_path: Path) -> None:
    """In memory alone, in a file beside the configuration or anywhere, in a Redis; its password is shown nowhere."""
    text = KEYS + '[[routes]]\nupstream = "https://x"\n[tokens]\nstore = "{}"\n'
    kept: dict[str, StorePlace | None] = {
        "memory": None,
        "file:tokens.json": StoreFile(str(tmp_path / "tokens.json")),
        "file:/run/tokens.json": StoreFile("/run/tokens.json"),
    }
    for url in ("redis://x", "redis://x:1/2", "rediss://u:hunter2@[::1]:6380?ssl_ca_certs=/ca.pem"):
        kept[url] = StoreServer(Secret(url))
    for written, place in kept.items():
        config = loaded(tmp_path, text.format(written))
        assert config.tokens.store == place
        assert "hunter2" not in repr(config)


def test_the_stores_that_the_documentation_writes(tmp_path: Path) -> None:
    """Each loads as it is printed."""
    lines = re.findall(r"^store = .*", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        config = loaded(tmp_path, f'{KEYS}[[routes]]\nupstream = "https://x"\n[tokens]\n{line}\n')
        assert config.tokens.store is not None


@pytest.mark.parametrize(
    ("store", "absent", "words"),
    [
        ("file:tokens.json", ["cryptography"], "needs cryptography"),
        ("redis://:hunter2@x", ["redis"], "needs redis"),
        ("redis://:hunter2@x", ["cryptography", "redis"], "needs cryptography and redis"),
    ],
)
def test_a_store_whose_packages_are_not_installed(
    store: str, absent: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake that says what to install; memory needs none of them."""
    for name in absent:
        monkeypatch.setitem(sys.modules, name, None)
    text = KEYS + '[[routes]]\nupstream = "https://x"\n[tokens]\nstore = "{}"\n'
    assert loaded(tmp_path, text.format("memory")).tokens.store is None
    with pytest.raises(ConfigError) as failed:
        loaded(tmp_path, text.format(store))
    (mistake,) = failed.value.mistakes
    assert mistake.endswith(f"tokens.store: {words}; install it: pip install 'iam-proxy[shared]'")
    assert "hunter2" not in mistake


def test_the_choice_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An explicit path, else the variable, else the file in the folder, else the environment alone."""
    monkeypatch.chdir(tmp_path)
    for name in ("explicit", "variable", "iam-proxy"):
        Path(f"{name}.toml").write_text(KEYS + f'[[routes]]\nupstream = "https://{name}"\n')
    assert load("explicit.toml", {"IAM_PROXY_CONFIG": "variable.toml"}).routes[0].upstream.host == "explicit"
    assert load(None, {"IAM_PROXY_CONFIG": "variable.toml"}).routes[0].upstream.host == "variable"
    assert load(None, {}).routes[0].upstream.host == "iam-proxy"
    Path("iam-proxy.toml").unlink()
    alone = load(None, {"IAM_PROXY_UPSTREAM": "https://alone", "IAM_PROXY_APIKEY": "a", "IAM_PROXY_SECRETKEY": "b"})
    assert (alone.routes[0].upstream.host, alone.source) == ("alone", None)


def test_who_may_call(tmp_path: Path) -> None:
    """Names in lower case and ASCII, origins as browsers write them, keys by name: each is found under `access`."""
    (tmp_path / "cron").write_text("key-of-cron\n")
    (tmp_path / "cron").chmod(0o644)
    text = KEYS + (
        '[access]\nallow = ["private"]\nallowed_hosts = ["Gateway.Example", "bücher.example"]\n'
        'cors_origins = ["https://App.example:443", "http://localhost:3000", "http://[::1]:80", "vscode-webview://abc",'
        ' "https://bücher.example"]\n'
        'client_keys = { cron = { file = "cron" } }\nclient_key = { env = "KEY" }\ntrusted_proxies = ["10.0.0.0/8"]\n'
        '[[routes]]\nupstream = "https://x"\n'
    )
    config = loaded(tmp_path, text, KEY="key-of-default")
    access = config.access
    assert access.allowed_hosts == {b"gateway.example", b"xn--bcher-kva.example"}
    assert access.cors_origins == {
        b"https://app.example",
        b"http://localhost:3000",
        b"http://[::1]",
        b"vscode-webview://abc",
        b"https://xn--bcher-kva.example",
    }
    keys = {name: source.read().reveal() for name, source in access.client_keys.items()}
    assert keys == {"cron": "key-of-cron", "default": "key-of-default"}
    assert [str(network) for network in access.trusted_proxies] == ["10.0.0.0/8"]
    assert config.warnings == (f"access.client_keys.cron: {tmp_path / 'cron'} can be read by others; chmod 600 it",)
    assert "key-of" not in repr(config)


def test_client_keys_from_the_environment(tmp_path: Path) -> None:
    """A sidecar needs no file for them."""
    text = KEYS + '[[routes]]\nupstream = "https://x"\n'
    one = loaded(tmp_path, text, IAM_PROXY__ACCESS__CLIENT_KEY="a-key")
    two = loaded(tmp_path, text, IAM_PROXY__ACCESS__CLIENT_KEYS__CRON='{ env = "K" }', K="of-cron")
    assert {name: source.read().reveal() for name, source in one.access.client_keys.items()} == {"default": "a-key"}
    assert {name: source.read().reveal() for name, source in two.access.client_keys.items()} == {"cron": "of-cron"}
