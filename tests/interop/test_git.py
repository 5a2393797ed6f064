"""git over smart HTTP: requests in chunks, packed requests, answers of no known length."""

import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from tests.interop.cgi import Backend, program_origin
from tests.interop.stage import in_front_of, run, succeeded
from tests.test_app import config

GIT = ("git", "-c", "user.name=T", "-c", "user.email=t@t.test")


@dataclass
class Git:
    """A bare repository behind a gateway, its address there, and the one that serves it."""

    home: Path
    url: str
    backend: Backend

    async def __call__(self, *words: str | Path, at: str = ".") -> str:
        """Run git in a folder of its home; it has to end well."""
        return (await succeeded(*GIT, "-C", self.home / at, *words, environ=alone(self.home))).decode()

    async def commit(self, at: str, name: str, content: bytes) -> None:
        """Commit a file."""
        (self.home / at / name).write_bytes(content)
        await self("add", name, at=at)
        await self("commit", "-q", "-m", name, at=at)

    async def pushed(self, at: str) -> bool:
        """Return whether the bare repository has what a folder has."""
        return await self("rev-parse", "main", at="bare.git") == await self("rev-parse", "HEAD", at=at)


def alone(home: Path) -> dict[str, str]:
    """Return what keeps git to itself: no questions, and no configuration of the machine."""
    return {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_PROJECT_ROOT": str(home),
        "GIT_HTTP_EXPORT_ALL": "1",
    }


@contextlib.asynccontextmanager
async def repository(home: Path) -> AsyncIterator[Git]:
    """Serve an empty repository behind a gateway."""
    async with (
        program_origin("git", "http-backend", environ=alone(home)) as backend,
        in_front_of(backend.origin, config(backend.origin.port)) as stage,
    ):
        git = Git(home, f"{stage.base}/bare.git", backend)
        await git("init", "-q", "--bare", "-b", "main", "bare.git")
        await git("config", "http.receivepack", "true", at="bare.git")
        yield git


async def test_git_clones_commits_and_pushes(tmp_path: Path) -> None:
    """What is pushed is there, and a second clone has it."""
    async with repository(tmp_path) as git:
        await git("clone", "-q", git.url, "one")
        await git.commit("one", "file", b"content\n")
        await git("push", "-q", "origin", "HEAD:main", at="one")
        assert await git.pushed("one")
        await git("clone", "-q", git.url, "two")
    assert (tmp_path / "two" / "file").read_bytes() == b"content\n"


async def test_git_pushes_more_than_its_buffer_holds(tmp_path: Path) -> None:
    """The pack goes in chunks, and arrives whole though the token dies just then."""
    content = os.urandom(200_000)
    async with repository(tmp_path) as git:
        await git("clone", "-q", git.url, "one")
        await git.commit("one", "file", content)
        git.backend.origin.dies = in_chunks
        await git("-c", "http.postBuffer=1000", "push", "-q", "origin", "HEAD:main", at="one")
        assert await git.pushed("one")
        assert (git.backend.origin.refused, git.backend.origin.logins) == (1, 2)
        await git("clone", "-q", git.url, "two")
    assert (tmp_path / "two" / "file").read_bytes() == content


def in_chunks(request: web.Request) -> bool:
    """Return whether a request has a body of no announced length."""
    return request.headers.get("Transfer-Encoding") == "chunked"


async def test_git_packs_its_request(tmp_path: Path) -> None:
    """A fetch that wants much asks for it in gzip, of either protocol, and gets it."""
    async with repository(tmp_path) as git:
        await git("clone", "-q", git.url, "one")
        await git.commit("one", "file", b"content\n")
        for number in range(40):
            await git("tag", "-m", "tag", f"v{number}", at="one")
        await git("push", "-q", "--tags", "origin", "HEAD:main", at="one")
        for version in ("0", "2"):
            git.backend.seen.clear()
            await git("-c", f"protocol.version={version}", "clone", "-q", git.url, f"of-{version}")
            assert any(fields.get("Content-Encoding") == "gzip" for fields in git.backend.seen)
            assert len((await git("tag", at=f"of-{version}")).split()) == 40


async def test_git_is_told_that_there_is_no_such_repository(tmp_path: Path) -> None:
    """The origin's 404 reaches it."""
    async with repository(tmp_path) as git:
        ran = await run(*GIT, "ls-remote", git.url.replace("bare", "none"), environ=alone(tmp_path))
    assert (ran.code, b"not found" in ran.err) == (128, True)
