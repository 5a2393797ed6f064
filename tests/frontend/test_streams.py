"""Server-sent events and WebSockets of a page: through the gateway, one by one, to their end."""

from pathlib import Path

from playwright.async_api import Page, expect

from tests.frontend.platform import GOODBYE, Platform
from tests.frontend.stage import one_origin, two_origins

# The last event stands in the document, the ids that have come in the title.
LISTEN = """(url) => {
  const source = new EventSource(url, { withCredentials: true });
  source.onmessage = (event) => {
    document.body.textContent = event.data;
    document.title = `${document.title} ${event.lastEventId}`.trim();
  };
}"""
# Says what came back, and how it ended.
TALK = """([url, words, code]) => new Promise((ended) => {
  const socket = new WebSocket(url);
  const heard = [];
  socket.onopen = () => socket.send(words.shift());
  socket.onmessage = (event) => {
    heard.push(event.data);
    if (words.length) socket.send(words.shift());
    else socket.close(code, "enough");
  };
  socket.onclose = (event) => ended({ heard, code: event.code, reason: event.reason, clean: event.wasClean });
})"""


async def events(page: Page, api: Platform, url: str) -> None:
    """See events come one by one, and the stream go on behind the last one when it has ended."""
    await page.evaluate("document.title = ''")
    await page.evaluate(LISTEN, url)
    for number in (1, 2):
        api.out.put_nowait(b"id: %d\ndata: number %d\n\n" % (number, number))
        await expect(page.locator("body")).to_have_text(f"number {number}")
    api.out.put_nowait(None)
    api.out.put_nowait(b"id: 3\ndata: number 3\n\n")
    await expect(page.locator("body")).to_have_text("number 3")
    assert await page.title() == "1 2 3"
    assert api.resumed == [None, "2"]
    await page.goto("about:blank")  # the stream would come again for ever
    api.out.put_nowait(None)


async def test_events_and_sockets_on_one_origin(tmp_path: Path) -> None:
    """Beside the page, behind `/api`; each handshake carries the credential, and each end says why at the other."""
    async with one_origin(tmp_path) as (api, page, at, _, _):
        socket = f"{at}/api/ws"
        left = await page.evaluate(TALK, [socket, ["one", "two"], 4001])
        code = await api.left.get()
        sent_away = await page.evaluate(TALK, [socket, ["one", "bye"], 4001])
        await events(page, api, f"{at}/api/events")
        assert api.refused == 0
    heard = ["platform heard one", "platform heard two"]
    assert (left["heard"], left["clean"], code) == (heard, True, 4001)
    assert sent_away == {"heard": heard[:1], "code": GOODBYE, "reason": "as you wish", "clean": True}


async def test_events_and_sockets_across_origins(tmp_path: Path) -> None:
    """A listed page has both; one that is not is refused before the platform hears of it."""
    async with two_origins(tmp_path) as (api, page, at, own, other):
        await page.goto(other)
        refused = await page.evaluate(TALK, [f"{at}/ws", ["one"], 4001])
        assert api.asked == []
        await page.goto(own)
        taken = await page.evaluate(TALK, [f"{at}/ws", ["one"], 4001])
        await events(page, api, f"{at}/events")
    assert refused == {"heard": [], "code": 1006, "reason": "", "clean": False}
    assert (taken["heard"], taken["clean"]) == (["platform heard one"], True)
