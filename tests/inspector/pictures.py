"""The README's pictures, taken anew: `python -m tests.inspector.pictures` writes docs/images/."""

import asyncio
from pathlib import Path
from typing import Literal

from playwright.async_api import expect

from tests.fakes.browser import browser
from tests.inspector.whole import Whole, whole

IMAGES = Path(__file__).parent.parent.parent / "docs" / "images"
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


async def traffic(it: Whole) -> None:
    """Let something pass that is worth a look."""
    for part in range(12):
        for target in ("/qb/query?rows=20", "/qb/query.csv?rows=5", f"/dpe/v3/actions/import-{part}"):
            await it.get(target, **{"User-Agent": "notebook/1.4"})
        if part % 4 == 1:
            await it.get(f"/status/{404 if part % 8 == 1 else 503}")
        if part == 6:
            await it.get("/iam/login")
        await asyncio.sleep(1.2)  # the plot is over time
    await it.post(
        "/dpe/v3/actions/import/start", b'{"source": "sales", "rows": 1200}', **{"Content-Type": "application/json"}
    )
    await it.get("/events?count=3&interval=400")
    it.platform.revoke_all()
    await it.get("/qb/query?region=Brittany", **{"User-Agent": "notebook/1.4", "Accept": "application/json"})
    for target in ("/qb/query?rows=20", "/", "/qb/query.csv?rows=5"):
        await it.get(target)


async def take(scheme: Literal["light", "dark"]) -> None:
    """Take the list and an opened exchange in one colour scheme."""
    async with whole(60) as it, browser(scheme, 1280, 760) as context:
        page = await context.new_page()
        await page.goto(it.admin + "/")
        await expect(page.locator("#live")).to_have_text("live")
        await traffic(it)
        row = page.locator("#rows [role=row]").filter(has_text="region=Brittany")
        await expect(row).to_have_count(1)
        await expect(page.locator("#plot canvas")).to_have_count(1)
        await asyncio.sleep(0.6)  # the plot is drawn a few times a second
        await page.screenshot(path=IMAGES / f"inspector-list-{scheme}.png")
        await row.click()
        await expect(page.locator("#opened pre").first).to_be_visible()
        await page.mouse.move(0, 0)
        await page.screenshot(path=IMAGES / f"inspector-exchange-{scheme}.png")


def main() -> None:
    """Take all pictures."""
    IMAGES.mkdir(exist_ok=True)
    for scheme in SCHEMES:
        asyncio.run(take(scheme))


if __name__ == "__main__":
    main()
