"""A gateway by one of the examples, and what a page in a real browser does with it."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

from playwright.async_api import Page

from proxy.core.address import TcpAddress
from tests.examples import example
from tests.fakes.browser import browser
from tests.frontend.platform import Platform, pages, platform
from tests.test_app import running

PROJECT, STAGING = "my-project.eu.dataplatform.ovh.net", "my-staging.eu.dataplatform.ovh.net"
SECRETS = {
    "IAM_APIKEY": "key-of-project",
    "secretkey": "secret-of-project",
    "PROJECT_APIKEY": "key-of-project",
    "project": "secret-of-project",
    "STAGING_APIKEY": "key-of-staging",
    "staging": "secret-of-staging",
}

# What a script sees of an answer: all of it, or the name of the error that tells it nothing.
_FETCH = """async ([url, options]) => {
  try {
    const answer = await fetch(url, options);
    return { status: answer.status, body: await answer.text(), fields: Object.fromEntries(answer.headers) };
  } catch (error) {
    return { error: error.name };
  }
}"""


@contextlib.asynccontextmanager
async def gateway(name: str, folder: Path, project: Platform, **ports: int) -> AsyncIterator[int]:
    """Run a gateway by `examples/NAME.toml`, with a token of that platform; yields its port.

    `ports` are those of `localhost`, the development server, and of `staging`.
    """
    hosts = {PROJECT: project.port, STAGING: ports.get("staging", 0), "localhost": ports.get("localhost", 0)}
    async with running(example(name, folder, hosts, SECRETS)) as app:
        address = app.addresses[0]
        assert isinstance(address, TcpAddress)
        await project.known.wait()
        yield address.port


class Front(NamedTuple):
    """The platform, an open page, and URLs: the gateway's, by the same name; the page's; and that of another page."""

    api: Platform
    page: Page
    at: str
    own: str
    other: str


@contextlib.asynccontextmanager
async def one_origin(folder: Path) -> AsyncIterator[Front]:
    """Open a page behind the gateway."""
    async with (
        platform() as api,
        pages() as port,
        gateway("front-end", folder, api, localhost=port) as at,
        browser() as context,
    ):
        own = f"http://localhost:{at}"
        page = await context.new_page()
        await page.goto(own)
        yield Front(api, page, own, own, f"http://localhost:{port}")


@contextlib.asynccontextmanager
async def two_origins(folder: Path) -> AsyncIterator[Front]:
    """Open a page at its own server, whose origin is listed; that of the other page is not."""
    async with (
        platform() as api,
        pages() as port,
        pages() as other,
        gateway("other-origin", folder, api, localhost=port) as at,
        browser() as context,
    ):
        own = f"http://localhost:{port}"
        page = await context.new_page()
        await page.goto(own)
        yield Front(api, page, f"http://localhost:{at}", own, f"http://localhost:{other}")


async def fetched(page: Page, url: str, **options: object) -> dict[str, Any]:
    """Let a script of the page fetch something; returns what it sees."""
    seen: dict[str, Any] = await page.evaluate(_FETCH, [url, options])
    return seen
