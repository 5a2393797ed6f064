"""docs/egress.md: its examples, run as they are printed."""

import re
from pathlib import Path

import pytest

from proxy.config import load
from tests.test_readme import ROOT, blocks_of, run, script

PAGE = (ROOT / "docs" / "egress.md").read_text(encoding="utf-8")
BLOCKS = blocks_of(PAGE)


def test_no_example_is_left_out() -> None:
    """Each has its test."""
    assert set(BLOCKS) == {"sandbox", "online"}


def test_the_check(tmp_path: Path) -> None:
    """It prints what the page says, word by word."""
    expected = re.search(r"prints\n\n```\n(.*?)```", PAGE, re.DOTALL)
    assert expected
    assert run(script("sandbox", "online", blocks=BLOCKS), tmp_path).endswith(expected[1])


def test_the_configuration(tmp_path: Path) -> None:
    """It loads; route and login go by the proxy."""
    found = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert found
    (tmp_path / "iam-proxy.toml").write_text(found[1])
    config = load(str(tmp_path / "iam-proxy.toml"), {"IAM_APIKEY": "key", "IAM_SECRETKEY": "secret"})
    assert str(config.routes[0].egress) == "http://proxy.corp:3128"
    login = "https://my-project.eu.dataplatform.ovh.net/iam/login"
    assert config.credentials["main"].egress.proxy_for(login) == config.routes[0].egress


@pytest.mark.parametrize("code", ["connection_failed", "tls_error", "login_unavailable"])
def test_what_callers_see_is_told_of(code: str) -> None:
    """With what to do."""
    assert f"`{code}`" in PAGE
