"""docs/access.md: its examples, run as they are printed."""

import re
import tomllib
from pathlib import Path

import pytest

from proxy.config import load
from tests.test_readme import ROOT, blocks_of, run, script

PAGE = (ROOT / "docs" / "access.md").read_text(encoding="utf-8")
BLOCKS = blocks_of(PAGE)
ROWS = '{"success": true, "results"'


def printed(name: str, folder: Path) -> str:
    """Return what an example prints."""
    return run(script("sandbox", name, blocks=BLOCKS), folder)


def test_no_example_is_left_out() -> None:
    """Each has its test."""
    assert set(BLOCKS) == {"sandbox", "keys", "network", "pages"}


def test_keys_for_callers(tmp_path: Path) -> None:
    """Three ways to send one; without, 401. The log has the names, and no key."""
    text = printed("keys", tmp_path)
    assert text.count(ROWS) == 3
    assert '"code":"client_key_required"' in text
    assert re.findall(r'"client":"(\w+)"', text) == ["cron", "excel", "excel"]
    assert "key-of" not in text


def test_callers_from_the_network(tmp_path: Path) -> None:
    """One name is answered, another is not."""
    text = printed("network", tmp_path)
    assert text.count(ROWS) == 1
    assert '"code":"host_not_allowed"' in text


def test_pages_of_other_sites(tmp_path: Path) -> None:
    """A preflight, an answer that the page may read, and a refusal."""
    text = printed("pages", tmp_path)
    assert text.count("Access-Control-Allow-Origin: http://localhost:3000") == 2
    assert text.count("HTTP/1.1 204 No Content") == 1
    assert text.count(ROWS) == 1
    assert '"code":"cross_site"' in text


def test_the_configuration_behind_a_proxy(tmp_path: Path) -> None:
    """It loads."""
    found = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert found
    route = '[[routes]]\nupstream = "https://origin.example"\ncredential = "none"\n'
    (tmp_path / "iam-proxy.toml").write_text(found[1] + route)
    access = load(str(tmp_path / "iam-proxy.toml"), {}).access
    assert access.allows("192.168.1.1")
    assert len(access.trusted_proxies) == len(tomllib.loads(found[1])["access"]["trusted_proxies"]) + 1


@pytest.mark.parametrize("code", ["host_not_allowed", "client_not_allowed", "client_key_required", "cross_site"])
def test_every_refusal_is_told_of(code: str) -> None:
    """With the key that changes it."""
    assert f"`{code}`" in PAGE
