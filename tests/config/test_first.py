"""The first configuration: what `init` writes, and where the admin listener is whatever else is wrong."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.first import Answers, first, toml
from proxy.config.load import admin_address, of_text
from proxy.core.address import TcpAddress
from proxy.errors import ConfigError

UPSTREAM = "https://data.example"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_string_reads_back_the_same(text: str) -> None:
    """Quotes, backslashes, control characters and whatever else Unicode has."""
    assert tomllib.loads(f"a = {toml(text)}\nb = {toml({'command': [text, 'x']})}") == {
        "a": text,
        "b": {"command": [text, "x"]},
    }


def test_it_is_a_configuration_without_mistakes(tmp_path: Path) -> None:
    """With its defaults where they are said; each comment that is a key works without its mark."""
    answers = Answers(UPSTREAM, {"env": "KEY"}, "se}c{ret", inspector=True)
    text = first(answers)
    config = of_text(str(tmp_path / "f.toml"), text, {"KEY": "key"})
    assert (config.warnings, config.admin.inspector, str(config.routes[0].upstream)) == ((), True, UPSTREAM)
    bare = of_text("f.toml", first(Answers(UPSTREAM, {"env": "KEY"}, "s")), {"KEY": "key"})
    assert (bare.server.listen, bare.admin.inspector) == ((TcpAddress("127.0.0.1", 8080),), False)
    more = text.replace("# methods", "methods").replace('# login_url = "https://…"', f'login_url = "{UPSTREAM}/login"')
    config = of_text("f.toml", more, {"KEY": "key"})
    assert config.routes[0].methods == frozenset((b"GET", b"HEAD"))
    assert "ret" not in repr(answers)


@pytest.mark.parametrize(
    ("text", "environ", "found"),
    [
        ("", {}, TcpAddress("127.0.0.1", 9901)),
        ('[admin]\nlisten = ""', {}, None),
        ('[admin]\nlisten = "127.0.0.1:1"', {"IAM_PROXY_ADMIN_LISTEN": "127.0.0.1:2"}, TcpAddress("127.0.0.1", 2)),
        ('[admin]\nkey = { command = ["touch", "was-run"] }\nquit = 7\n[routes]', {}, TcpAddress("127.0.0.1", 9901)),
    ],
)
def test_where_the_admin_listener_is(
    text: str, environ: dict[str, str], found: TcpAddress | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else is judged, and no secret read."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "iam-proxy.toml").write_text(text)
    assert admin_address(None, environ) == found
    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize("text", ["admin = 1", '[admin]\nlisten = "x"', "[admin"])
def test_an_admin_listener_that_is_none(text: str, tmp_path: Path) -> None:
    """A mistake like any other."""
    file = tmp_path / "f.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(str(file))):
        admin_address(str(file), {})
