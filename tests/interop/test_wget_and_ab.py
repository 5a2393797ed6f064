"""wget, and ApacheBench: the one speaks HTTP/1.0 with keep-alive, the other reads what it is given."""

import json
import re
from pathlib import Path

import pytest

from tests.interop.origin import ANSWERS, FILE, digest
from tests.interop.stage import staged, succeeded

WGET = ("wget", "--no-config", "--no-verbose", "--tries=1", "--timeout=15", "-O-")


@pytest.mark.parametrize("path", ANSWERS)
async def test_wget_reads_an_answer(path: str) -> None:
    """It gets every byte, whatever the framing at the origin."""
    async with staged() as stage:
        assert await succeeded(*WGET, stage.base + path) == ANSWERS[path]


async def test_wget_reads_several_answers_in_a_row() -> None:
    """They come in order, on the connection that it keeps."""
    async with staged() as stage:
        assert await succeeded(*WGET, *(stage.base + path for path in ANSWERS)) == b"".join(ANSWERS.values())


async def test_wget_posts_a_file(tmp_path: Path) -> None:
    """Every byte of it arrives."""
    (tmp_path / "body").write_bytes(FILE)
    async with staged() as stage:
        fact = json.loads(await succeeded(*WGET, f"--post-file={tmp_path / 'body'}", stage.base + "/echo"))
    assert (fact["method"], fact["length"], fact["sha256"]) == ("POST", len(FILE), digest(FILE))


def figure(report: bytes, name: str) -> int:
    """Return a count of ab's report; a line that it leaves out means none."""
    found = re.search(rf"^{name}: +(\d+)".encode(), report, re.MULTILINE)
    return int(found[1]) if found else 0


async def test_ab_keeps_its_connections() -> None:
    """Every answer of a known length leaves the connection of an HTTP/1.0 client open, and is whole."""
    async with staged() as stage:
        report = await succeeded("ab", "-k", "-n", "200", "-c", "4", stage.base + "/file")
    assert figure(report, "Complete requests") == 200
    assert figure(report, "Keep-Alive requests") == 200
    assert (figure(report, "Failed requests"), figure(report, "Non-2xx responses")) == (0, 0)
    assert figure(report, "HTML transferred") == 200 * len(FILE)


@pytest.mark.parametrize("path", ["/chunked", "/file"])
async def test_ab_without_keep_alive(path: str) -> None:
    """Every answer ends with its connection, and is whole."""
    async with staged() as stage:
        report = await succeeded("ab", "-n", "100", "-c", "4", stage.base + path)
    assert (figure(report, "Complete requests"), figure(report, "Failed requests")) == (100, 0)
    assert figure(report, "HTML transferred") == 100 * len(FILE)


async def test_ab_keeps_no_connection_behind_an_answer_of_no_length() -> None:
    """Without chunks only the close can end it: nothing is kept, and nothing is lost."""
    async with staged() as stage:
        report = await succeeded("ab", "-k", "-n", "50", "-c", "4", stage.base + "/chunked")
    assert (figure(report, "Keep-Alive requests"), figure(report, "Failed requests")) == (0, 0)
    assert figure(report, "HTML transferred") == 50 * len(FILE)


async def test_ab_posts_on_kept_connections(tmp_path: Path) -> None:
    """Bodies behind one another on one connection are told apart."""
    (tmp_path / "body").write_bytes(FILE)
    words = ("ab", "-k", "-n", "50", "-c", "4", "-T", "application/octet-stream", "-p", str(tmp_path / "body"))
    async with staged() as stage:
        report = await succeeded(*words, stage.base + "/echo")
    assert (figure(report, "Keep-Alive requests"), figure(report, "Failed requests")) == (50, 0)
    assert figure(report, "Non-2xx responses") == 0
