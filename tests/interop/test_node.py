"""Node.js: its built-in fetch, and its http module."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.interop.origin import FILE, TEXT, digest
from tests.interop.stage import staged, succeeded

SCRIPT = Path(__file__).with_name("client.mjs")
BODY = b"".join(bytes([number]) * 10_000 for number in range(30))


@pytest.mark.parametrize("live", [True, False])
async def test_node(live: bool) -> None:
    """All that a program does with HTTP works, whether the token lives or has just died."""
    async with staged() as stage:
        if not live:
            stage.origin.revoke()
        told = json.loads(await succeeded("node", SCRIPT, stage.base))
        assert stage.origin.logins == (1 if live else 2)
    reads_answers(told)
    sends_bodies(told)
    keeps_a_connection(told["kept"])


def reads_answers(told: dict[str, Any]) -> None:
    """See that bodies of every framing came whole, also side by side."""
    assert (told["file"], told["chunked"], told["text"]) == (digest(FILE), digest(FILE), digest(TEXT))
    assert told["head"] == {"status": 200, "length": str(len(FILE)), "body": ""}
    assert told["aside"] == [digest(FILE)] * 20


def sends_bodies(told: dict[str, Any]) -> None:
    """See that JSON, a stream, and what waited for 100 arrived whole."""
    sent, stream, expected = told["json"], told["stream"], told["expected"]
    data = json.dumps({"a": "ä", "b": [1, 2, 3]}, separators=(",", ":"), ensure_ascii=False).encode()
    assert (sent["sha256"], sent["type"], sent["chunked"]) == (digest(data), "application/json", False)
    assert (stream["sha256"], stream["chunked"]) == (digest(BODY), True)
    assert (expected["told"], expected["method"], expected["sha256"]) == (1, "PUT", digest(BODY))


def keeps_a_connection(kept: dict[str, Any]) -> None:
    """See that 20 requests, half of them with a body in chunks, were answered on one connection."""
    assert (kept["ports"], kept["statuses"], kept["bodies"]) == (1, [200] * 20, [digest(FILE)])
