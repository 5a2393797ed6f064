"""Several platforms side by side, by path and by NAME.localhost (examples/side-by-side.toml)."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import BrowserContext

from proxy.errors import CrossSite
from tests.fakes.browser import browser
from tests.frontend.platform import Platform, platform
from tests.frontend.stage import fetched, gateway

MINE = {"start": "project", "session": "project", "theme": "dark"}
OTHER = {"start": "staging", "session": "staging", "theme": "dark"}


@asynccontextmanager
async def both(folder: Path) -> AsyncIterator[tuple[Platform, Platform, int, BrowserContext]]:
    """Run two platforms, a gateway in front of both, and a browser; yields the gateway's port between."""
    async with (
        platform("project") as project,
        platform("staging") as staging,
        gateway("side-by-side", folder, project, staging=staging.port) as at,
        browser() as context,
    ):
        await staging.known.wait()
        yield project, staging, at, context


async def test_by_path(tmp_path: Path) -> None:
    """Each path has its platform with its credential, and the cookies that this one has set."""
    async with both(tmp_path) as (project, staging, at, context):
        page = await context.new_page()
        for name in ("project", "staging"):
            await page.goto(f"http://localhost:{at}/{name}")
            assert (await fetched(page, f"/{name}/session", method="POST"))["status"] == 201
        answers = [json.loads((await fetched(page, f"/{name}/data"))["body"]) for name in ("project", "staging")]
        assert (project.refused, staging.refused) == (0, 0)
    assert [answer["platform"] for answer in answers] == ["project", "staging"]
    assert [answer["cookies"] for answer in answers] == [MINE, OTHER]


async def test_by_name(tmp_path: Path) -> None:
    """Likewise; a page of one is of another site to the other, which refuses its scripts, sockets and links."""
    async with both(tmp_path) as (project, staging, at, context):
        page, other = await context.new_page(), await context.new_page()
        await page.goto(f"http://project.localhost:{at}/")
        await other.goto(f"http://staging.localhost:{at}/")
        await fetched(page, "/session", method="POST")
        unknown = json.loads((await fetched(other, "/data"))["body"])
        await fetched(other, "/session", method="POST")
        answers = [json.loads((await fetched(each, "/data"))["body"]) for each in (page, other)]
        asked = len(staging.asked)
        there = f"http://staging.localhost:{at}/data"
        assert await fetched(page, there) == {"error": "TypeError"}
        assert await fetched(page, there, mode="no-cors", credentials="include") == {
            "status": 0,
            "body": "",
            "fields": {},
        }
        assert await page.evaluate(SOCKET, there.replace("http", "ws")) == "error"
        async with page.expect_navigation() as followed:
            await page.evaluate("(url) => { location.href = url; }", there)
        linked = await followed.value
        assert linked is not None
        assert (linked.status, CrossSite.title in await linked.text()) == (403, True)
        assert (len(staging.asked), project.refused, staging.refused) == (asked, 0, 0)
    assert (unknown["platform"], unknown["cookies"]) == ("staging", {"start": "staging"})
    assert [(answer["platform"], answer["cookies"]) for answer in answers] == [("project", MINE), ("staging", OTHER)]


SOCKET = """(url) => new Promise((ended) => {
  const socket = new WebSocket(url);
  socket.onopen = () => ended("open");
  socket.onerror = () => ended("error");
})"""
