"""A real browser: the distribution's Chromium, without a window, driven by Playwright."""

import contextlib
from collections.abc import AsyncIterator
from typing import Literal

from playwright.async_api import BrowserContext, async_playwright, expect

CHROMIUM = "/usr/bin/chromium"
# No sandbox: tests may run as root, in a container. The others keep it from asking anybody for anything.
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# In milliseconds. It matters only where something fails: a busy machine is no failure.
expect.set_options(timeout=20_000)


@contextlib.asynccontextmanager
async def browser(
    scheme: Literal["light", "dark"] = "light", width: int = 1280, height: int = 800
) -> AsyncIterator[BrowserContext]:
    """Start a browser with an empty profile and this colour scheme."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            context = await started.new_context(
                color_scheme=scheme, viewport={"width": width, "height": height}, accept_downloads=True
            )
            context.set_default_timeout(15_000)
            yield context
        finally:
            await started.close()
