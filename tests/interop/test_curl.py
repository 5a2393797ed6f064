"""curl, as it is used on command lines and in scripts."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.interop.origin import ANSWERS, BIG, FILE, TEXT, digest
from tests.interop.stage import run, staged, succeeded

QUIET = ("curl", "-q", "-sS", "--max-time", "15")  # -q: no configuration of the machine


async def curl(*words: str | Path, stdin: bytes = b"") -> bytes:
    """Run curl, which has to get what it asks for."""
    return await succeeded(*QUIET, "--fail", *words, stdin=stdin)


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """Give a file of 2 MB."""
    path = tmp_path / "big"
    path.write_bytes(BIG)
    return path


def arrived(out: bytes, method: str, body: bytes) -> dict[str, Any]:
    """See that a body came to the origin as it was sent, with the token; return what else was seen of it."""
    fact: dict[str, Any] = json.loads(out)
    assert (fact["method"], fact["length"], fact["sha256"]) == (method, len(body), digest(body))
    assert fact["authorized"]
    return fact


@pytest.mark.parametrize("version", ["--http1.0", "--http1.1"])
@pytest.mark.parametrize("path", ANSWERS)
async def test_curl_reads_an_answer(version: str, path: str) -> None:
    """Of either version of HTTP it gets every byte, whatever the framing at the origin."""
    async with staged() as stage:
        assert await curl(version, stage.base + path) == ANSWERS[path]


async def test_curl_of_http_1_0_is_sent_no_chunks() -> None:
    """What has no length ends with the connection."""
    async with staged() as stage:
        head, _, body = (await curl("--http1.0", "-i", "--raw", stage.base + "/chunked")).partition(b"\r\n\r\n")
    assert body == FILE
    assert b"transfer-encoding" not in head.lower()
    assert b"\r\nConnection: close" in head


async def test_curl_reads_a_packed_answer() -> None:
    """What it asks for with --compressed it can unpack, and it comes packed."""
    async with staged() as stage:
        out = await curl("--compressed", "-w", "%{size_download}", stage.base + "/text")
    assert out.startswith(TEXT)
    assert int(out.removeprefix(TEXT)) < len(TEXT) / 2


async def test_curl_asks_for_the_head_alone() -> None:
    """HEAD gives the length that GET would have, and curl does not wait for a body."""
    async with staged() as stage:
        head = await curl("-I", stage.base + "/file")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert f"\r\nContent-Length: {len(FILE)}\r\n".encode() in head


@pytest.mark.parametrize("path", [*ANSWERS, "/nothing"])
async def test_curl_keeps_its_connection_behind_a_head(path: str) -> None:
    """Nothing of a body follows the answer to HEAD, so the next answer is read from its beginning."""
    async with staged() as stage:
        out = await succeeded(*QUIET, "-I", "-w", "%{num_connects}\n", *[stage.base + path] * 3)
    assert [line for line in out.splitlines() if line.isdigit()] == [b"1", b"0", b"0"]


async def test_curl_asks_for_many_urls_on_one_connection() -> None:
    """Answers of every framing, and refusals among them, need one connection."""
    paths = ["/file", "/nothing", "/chunked", "/events", "/text", "/file", "/chunked"]
    words = [word for path in paths for word in (path, "-o", "/dev/null")]
    async with staged() as stage:
        urls = [stage.base + word if word in paths else word for word in words]
        out = await succeeded(*QUIET, "-w", "%{num_connects} %{http_code}\n", *urls)
    assert out.splitlines() == [b"1 200", b"0 404", *[b"0 200"] * 5]


@pytest.mark.parametrize("version", ["--http1.0", "--http1.1"])
async def test_curl_uploads_a_file(version: str, big: Path) -> None:
    """Every byte arrives, with the length that curl announced."""
    async with staged() as stage:
        out = await curl(version, "-H", "Expect:", "-T", big, stage.base + "/echo")
    assert not arrived(out, "PUT", BIG)["chunked"]


async def test_curl_waits_for_100_continue(big: Path) -> None:
    """It is told to go on, and then sends its body once."""
    async with staged() as stage:
        ran = await run(*QUIET, "-v", "-H", "Expect: 100-continue", "-T", big, stage.base + "/echo")
    assert b"\n< HTTP/1.1 100 Continue\r\n" in ran.err
    arrived(ran.out, "PUT", BIG)


async def test_curl_uploads_a_pipe() -> None:
    """A body of no announced length goes on in chunks."""
    async with staged() as stage:
        out = await curl("-T", "-", stage.base + "/echo", stdin=BIG)
    assert arrived(out, "PUT", BIG)["chunked"]


async def test_curl_posts_data() -> None:
    """A small body of a POST arrives with its type."""
    async with staged() as stage:
        out = await curl("--data-binary", "@-", stage.base + "/echo", stdin=b"a=1&b=\xff\x00")
    assert arrived(out, "POST", b"a=1&b=\xff\x00")["type"] == "application/x-www-form-urlencoded"


async def test_curl_posts_a_form(big: Path) -> None:
    """A form of several parts arrives, of the length that curl made."""
    async with staged() as stage:
        fact = json.loads(await curl("-F", f"file=@{big}", "-F", "name=value", stage.base + "/echo"))
    assert fact["length"] > len(BIG)
    assert fact["type"].startswith("multipart/form-data; boundary=")


@pytest.mark.parametrize("source", ["file", "pipe"])
async def test_curl_does_not_notice_a_dead_token(source: str, big: Path) -> None:
    """An upload that the origin refuses is sent again by the gateway, whole."""
    async with staged() as stage:
        stage.origin.revoke()
        out = await curl("-T", big if source == "file" else "-", stage.base + "/echo", stdin=BIG)
        assert stage.origin.refused == 1
    arrived(out, "PUT", BIG)


async def test_curl_sends_an_upload_behind_another_on_one_connection(big: Path) -> None:
    """Three uploads need one connection."""
    async with staged() as stage:
        words = [word for _ in range(3) for word in ("-T", big, stage.base + "/echo", "-o", "/dev/null")]
        out = await succeeded(*QUIET, "-w", "%{num_connects} %{http_code}\n", *words)
    assert out.splitlines() == [b"1 200", b"0 200", b"0 200"]
