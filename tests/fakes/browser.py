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

# Every element with text of its own: its colour against the first ground behind it, at least 4.5:1 (WCAG 2.2 §1.4.3).
# There have to be so many.
CONTRAST = """(least) => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const linear = (c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => [r, g, b].map((c) => linear(c / 255))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0.99) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  let looked = 0;
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility({ opacityProperty: true })) continue;
    looked += 1;
    const [one, other] = [light(parse(getComputedStyle(element).color)), light(ground(element))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    const words = element.textContent.slice(0, 30);
    if (ratio < 4.5) poor.push(`${element.tagName}.${element.className}: ${words} ${ratio.toFixed(2)}`);
  }
  if (looked < least) poor.push(`only ${looked} texts`);
  return poor;
}"""


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
