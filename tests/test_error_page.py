"""The page of the gateway's own answers in a real browser."""

import contextlib
from collections.abc import AsyncIterator
from typing import Literal

import pytest
from playwright.async_api import Page, Response

from tests.fakes.browser import CONTRAST, browser
from tests.inspector.whole import whole

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
HOSTILE = "<img/src=x/onerror=document.title='owned'><script>document.title='owned'</script><style>*{color:red}</style>"


@contextlib.asynccontextmanager
async def opened(page: Page, url: str) -> AsyncIterator[Response]:
    """Open a page; whatever it complains of but its own status, and whatever else it asks for, fails the test."""
    complaints: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text))
    page.on("request", lambda request: asked.append(request.url))
    answer = await page.goto(url)
    assert answer is not None
    yield answer
    assert [line for line in complaints if "Failed to load resource: the server responded" not in line] == []
    assert asked == [url]


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_it_can_be_read(scheme: Literal["light", "dark"]) -> None:
    """In either colour scheme, on a phone as well: styled, with enough contrast, and no wider than the window."""
    async with whole() as it, browser(scheme, 360, 640) as context:
        page = await context.new_page()
        async with opened(page, f"{it.gateway}/iam/login") as answer:
            assert (answer.status, answer.headers["content-type"]) == (403, "text/html; charset=utf-8")
            assert await page.title() == "This path is not forwarded (403 Forbidden)"
            for words in ("Where the fault lies", "What to do", "the gateway logs in by itself", "path_denied"):
                assert words in await page.inner_text("main")
            assert await page.inner_text("#request-id") == answer.headers["x-request-id"]
            assert await page.evaluate(CONTRAST, 10) == []
            dark = await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 22, 28)"
            assert dark is (scheme == "dark")  # so the policy lets the style in
            assert await page.evaluate("document.documentElement.scrollWidth") <= 360


async def test_hostile_words_stay_text() -> None:
    """What a caller has put into its request id is shown as it is, and runs nothing."""
    async with whole() as it, browser() as context:
        page = await context.new_page()
        await page.set_extra_http_headers({"X-Request-Id": HOSTILE})
        async with opened(page, f"{it.gateway}/iam/login"):
            assert await page.inner_text("#request-id") == HOSTILE
            assert await page.locator("main img, main script, main style").count() == 0
            assert await page.title() == "This path is not forwarded (403 Forbidden)"


async def test_a_program_in_a_page_gets_json() -> None:
    """`fetch` asks for anything: it gets what it can read, where the browser itself gets the page."""
    async with whole() as it, browser() as context:
        for base, code in ((it.gateway, "path_denied"), (it.admin, "not_found")):
            page = await context.new_page()
            async with opened(page, f"{base}/iam/login"):
                assert await page.inner_text("#code") == code
            await page.goto(f"{base}/inspector/static/page.css")
            kind = await page.evaluate("async (url) => (await fetch(url)).headers.get('content-type')", "/iam/login")
            assert kind == "application/problem+json"
