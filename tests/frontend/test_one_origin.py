"""Page and API on one origin: a development server behind `/`, the platform behind `/api` (examples/front-end.toml)."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Page, Response, expect

from tests.fakes.browser import browser
from tests.frontend.platform import platform
from tests.frontend.stage import SECRETS, fetched, gateway, one_origin
from tests.platforms.started import started

VITE = Path(__file__).parent.parent / "platforms" / "vite" / "node_modules" / "vite" / "bin" / "vite.js"
LISTENS = re.compile(r"Local: +http://localhost:(\d+)/")

# --- a page that changes while it is looked at
INDEX = """<!doctype html>
<title>page</title>
<p id="message"></p>
<p id="data"></p>
<script type="module" src="/main.js"></script>
"""
MAIN = """import { message } from "./message.js";
const show = (text) => { document.querySelector("#message").textContent = text; };
show(message);
import.meta.hot.accept("./message.js", (changed) => show(changed.message));
const answer = await fetch("/api/data");
document.querySelector("#data").textContent = (await answer.json()).platform;
"""


def module(message: str) -> str:
    """Return the module that says what the page shows."""
    return f'export const message = "{message}";\n'


@asynccontextmanager
async def vite(folder: Path) -> AsyncIterator[int]:
    """Run Vite as it is run by default, on a page of its own; yields the port."""
    folder.mkdir()
    (folder / "index.html").write_text(INDEX)
    (folder / "main.js").write_text(MAIN)
    (folder / "message.js").write_text(module("before"))
    async with started("node", VITE, folder, listens=LISTENS, environ={"NO_COLOR": "1"}) as port:
        yield port


async def test_hot_reload_runs_through(tmp_path: Path) -> None:
    """Real Vite with its defaults, by every name of this machine: what changes in a file changes in the page."""
    site = tmp_path / "site"
    async with (
        platform() as api,
        vite(site) as port,
        gateway("front-end", tmp_path, api, localhost=port) as at,
        browser() as context,
    ):
        for number, name in enumerate(("localhost", "127.0.0.1", "app.localhost")):
            page = await context.new_page()
            await changes(page, site, f"http://{name}:{at}/", f"change {number}")
            await page.close()
    assert api.asked == [("GET", "/data")] * 6  # by each page and its reload


async def changes(page: Page, site: Path, url: str, text: str) -> None:
    """See a module exchanged in the open page, then the page loaded anew: all by a socket of the gateway's."""
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    async with page.expect_console_message(lambda line: "[vite] connected." in line.text):
        await page.goto(url)
    await expect(page.locator("#data")).to_have_text("platform")
    await page.evaluate("window.here = true")
    (site / "message.js").write_text(module(text))
    await expect(page.locator("#message")).to_have_text(text)
    assert await page.evaluate("window.here") is True
    (site / "index.html").write_text(INDEX.replace("<title>page", f"<title>{text}"))
    await expect(page).to_have_title(text)
    await expect(page.locator("#data")).to_have_text("platform")
    assert await page.evaluate("window.here") is None
    assert [socket for socket in sockets if not socket.startswith(url.replace("http", "ws"))] == []
    assert sockets


# --- what a page gets, and what it does not
async def test_data_and_a_session(tmp_path: Path) -> None:
    """The page reads the platform's data; cookies of its domain and of TLS come back with the next request."""
    async with one_origin(tmp_path) as (_, page, _, _, _):
        first = await fetched(page, "/api/data")
        assert (await fetched(page, "/api/session", method="POST"))["status"] == 201
        second = await fetched(page, "/api/data", method="POST", body="words")
        cookies = {cookie.get("name"): cookie for cookie in await page.context.cookies()}
        readable = await page.evaluate("document.cookie")
    assert json.loads(first["body"]) == {"platform": "platform", "sent": "", "cookies": {}}
    assert first["fields"]["x-total"] == "5"
    assert json.loads(second["body"])["sent"] == "words"
    assert json.loads(second["body"])["cookies"] == {"session": "platform", "theme": "dark"}
    session = cookies["session"]
    assert (session.get("domain"), session.get("path"), session.get("httpOnly")) == ("localhost", "/api", True)
    assert readable == ""


async def test_no_token_reaches_the_page(tmp_path: Path) -> None:
    """Neither the token nor a key: not in what the browser sends or gets, not in the document, not in its storage."""
    async with one_origin(tmp_path) as (api, page, at, _, _):
        answers: list[Response] = []
        page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108  Playwright marks what it is given
        await page.goto(at)
        for target in ("data", "session", "nothing", "iam/login"):
            await fetched(page, f"/api/{target}", method="POST")
        seen = [await whole(answer) for answer in answers]
        kept = json.dumps([await page.context.storage_state(), await page.content(), await stored(page)])
    assert api.token is not None
    assert api.asked == [("POST", "/data"), ("POST", "/session")]
    assert [answer.status for answer in answers] == [200, 200, 201, 404, 403]
    assert "platform" in "".join(seen)
    for secret in (api.token, *SECRETS.values()):
        assert secret not in "".join((*seen, kept))


async def whole(answer: Response) -> str:
    """Return request and answer as the browser has them."""
    fields = await answer.request.all_headers(), await answer.all_headers()
    return json.dumps([answer.url, answer.request.post_data, *fields, (await answer.body()).decode()])


async def stored(page: Page) -> object:
    """Return what scripts find."""
    return await page.evaluate(
        "[document.cookie, { ...localStorage }, { ...sessionStorage }, performance.getEntries()]"
    )
