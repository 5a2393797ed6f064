"""Requests as browsers and others send them, and what the gateway says to them."""

import re
from dataclasses import replace

from proxy.core.access import Access
from tests.core.secrets import Given
from tests.fakes.gateway import Answered, Bench, RawClient

KEYS = {"cron": Given("key-of-cron"), "excel": Given("key-of-excel")}
KEYED = Access(client_keys=KEYS)
APP = "https://app.example"
LISTING = Access(cors_origins=frozenset((APP.encode(), b"http://localhost:3000")))
LISTING_KEYED = replace(LISTING, client_keys=KEYS)


async def send(client: RawClient, line: str, *lines: str, host: str | None = "gateway", body: bytes = b"") -> Answered:
    """Send a request and read its answer; no Host field for None, no HTTP/1.1 where `line` says otherwise."""
    start = line if " HTTP/" in line else f"{line} HTTP/1.1"
    named = [] if host is None else [f"Host: {host}"]
    length = [f"Content-Length: {len(body)}"] if body else []
    await client.send("\r\n".join((start, *named, *lines, *length, "", "")).encode("latin-1") + body)
    return await client.answer()


async def once(bench: Bench, line: str, *lines: str, host: str | None = "gateway", body: bytes = b"") -> Answered:
    """Send a request on a connection of its own and read its answer."""
    async with bench.client() as client:
        return await send(client, line, *lines, host=host, body=body)


def code(answer: Answered) -> str:
    """Return the code of an answer of the gateway's own, or nothing."""
    return code_in(answer.body)


def code_in(body: bytes) -> str:
    """Return the code in a body, be it JSON or a page."""
    match = re.search(rb'"code":"(\w+)"|<code id="code">(\w+)</code>', body)
    return "" if match is None else (match[1] or match[2]).decode()
