"""The canary run: a gateway that is asked everything, in front of a platform that tells everything, tells nothing."""

import asyncio
import contextlib
import re
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from proxy import errors
from tests.canary.conversation import Conversation
from tests.canary.marks import CANARIES, HIDDEN, SECRETS, TOKENS
from tests.canary.platform import Platform
from tests.canary.scene import KINDS, Process, configuration, defective
from tests.canary.search import Search, halves
from tests.conftest import SEARCHED
from tests.fakes.authority import Authority
from tests.fakes.origin import raw_origin
from tests.fakes.redis import RedisServer, redis_server
from tests.fakes.server import serving

SEARCH = Search(CANARIES)


def codes(kind: type[errors.GatewayError] = errors.GatewayError) -> Iterator[str]:
    """Yield the code of every answer that the gateway makes itself; those of the admin listener alone are no such."""
    if kind.__module__.startswith(errors.__name__):
        yield kind.code
    for each in kind.__subclasses__():
        yield from codes(each)


@contextlib.contextmanager
def accepting_nobody() -> Iterator[int]:
    """Listen on a port whose backlog is full."""
    with socket.socket() as full, contextlib.ExitStack() as stack:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003  the socket module knows no keyword for it
            waiting.connect_ex(full.getsockname())
        yield full.getsockname()[1]


async def ignored(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say nothing to a visitor."""
    del writer
    await reader.read()


def address(said: bytes | bytearray, event: str) -> str:
    """Return the address in an event, as either format has it."""
    found = re.search(event.encode() + rb'\W.*?address["=:]+([0-9.:]+)', said)
    assert found, said
    return found[1].decode()


@dataclass
class Told:
    """All that a run has said, by where it was said."""

    texts: dict[str, list[bytes]]
    scrubbed: dict[str, list[bytes]]

    def hits(self) -> dict[str, list[str]]:
        """Return the secrets that were told, by where."""
        found = {where: SEARCH.hits(b"\n".join(texts)) for where, texts in self.texts.items()}
        for name, texts in self.scrubbed.items():
            own = Search(half for secret in HIDDEN[name] for half in halves(secret))
            found[f"scrubbed for {name}"] = own.hits(b"\n".join(texts))
        return {where: hits for where, hits in found.items() if hits}

    def counted(self) -> dict[str, int]:
        """Return how much was searched for how many secrets."""
        texts = [text for texts in (*self.texts.values(), *self.scrubbed.values()) for text in texts]
        return {"secrets": len(SECRETS) + len(TOKENS), "texts": len(texts), "bytes": sum(map(len, texts))}


async def conversed(folder: Path, log: str, store: str) -> tuple[Conversation, Process]:
    """Run a gateway, ask it everything, and end it in the middle of a login."""
    platform = Platform()
    with accepting_nobody() as full:
        certificate = Authority(folder).gateway().context()
        async with raw_origin(platform.visit) as origin, serving(ignored, certificate) as tls:
            config = configuration(folder, log=log, store=store, port=origin.port, full=full, tls=tls)
            async with defective("run", "--config", str(config), folder=folder) as gateway:
                await gateway.until(b"admin listening")
                await asyncio.sleep(0)
                where = address(gateway.said, "listening"), address(gateway.said, "admin listening")
                conversation = Conversation(int(where[0].rpartition(":")[2]), where[1], platform)
                await conversation.whole()
                hanging = await conversation.hang()
                gateway.process.send_signal(signal.SIGTERM)
                await gateway.until(b"stopped")
                with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                    await hanging
                assert await gateway.process.wait() == 0
    return conversation, gateway


def told(conversation: Conversation, gateway: Process, folder: Path, kept: list[bytes]) -> Told:
    """Return everything that was said, and what was left on the disk and in the store."""
    own = {"gateway.toml", "secret.key", "client.key", "body.key"}
    files = [file.read_bytes() for file in folder.rglob("*") if file.is_file() and file.name not in own]
    return Told(
        {
            "log": bytes(gateway.said).splitlines(),
            "output": [bytes(gateway.printed)],
            "own answers": conversation.own,
            "pages": conversation.pages,
            "store": kept,
            "files": files,
        },
        conversation.scrubbed,
    )


async def kept(redis: RedisServer) -> list[bytes]:
    """Return all that lies in a Redis."""
    async with redis.client(SECRETS["redis"]) as client:
        return [name + b" " + (await client.get(name) or b"") async for name in client.scan_iter()]


@pytest.mark.parametrize(("log", "shared"), [("json", False), ("console", True)])
async def test_a_whole_run_tells_nothing(
    *, log: str, shared: bool, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Every kind of credential, every failure, every own answer, at level debug, with a store in a file or a Redis."""
    folder = tmp_path / "gateway"
    folder.mkdir()
    async with contextlib.AsyncExitStack() as stack:
        store, lies_there = "file:tokens.json", []
        if shared:
            redis = await stack.enter_async_context(redis_server(tmp_path, "--requirepass", SECRETS["redis"]))
            store = redis.url(f":{SECRETS['redis']}@")
        conversation, gateway = await conversed(folder, log, store)
        if shared:
            lies_there = await kept(redis)
            assert len(lies_there) > len(KINDS)
    assert set(codes()) <= conversation.codes, set(codes()) - conversation.codes
    said = told(conversation, gateway, folder, lies_there)
    assert said.hits() == {}
    assert gateway.printed == b""
    assert b"Traceback" not in gateway.said
    for event in (b"Task exception was never retrieved", b"Exception in callback", b"draining"):
        assert event in gateway.said
    record_property(SEARCHED, said.counted())


def test_what_a_run_tells_is_found(tmp_path: Path) -> None:
    """Where it stands: without that no hits would say nothing."""
    (tmp_path / "tokens.json").write_text(SECRETS["redis"])
    gateway, conversation = Process(cast("Any", None)), Conversation(0, "", cast("Any", None))
    gateway.said += SECRETS["apikey"].encode()
    gateway.printed += TOKENS["cookie"].encode()
    conversation.own.append(SECRETS["basic"].encode())
    conversation.pages.append(SECRETS["static"].encode())
    conversation.scrubbed["apikey"].append(TOKENS["apikey"].encode())
    conversation.scrubbed["basic"].append(TOKENS["apikey"].encode())
    hits = told(conversation, gateway, tmp_path, [SECRETS["header"].encode()]).hits()
    assert list(hits) == ["log", "output", "own answers", "pages", "store", "files", "scrubbed for apikey"]
    assert all(len(found) == 2 for found in hits.values())
