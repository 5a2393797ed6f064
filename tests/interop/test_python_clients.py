"""The clients of Python programs: requests, httpx and websockets, on both loops."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import requests
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedOK, InvalidStatus

from tests.interop.origin import ANSWERS, EVENTS, FILE, digest
from tests.interop.stage import Stage, httpx_client, staged

pytestmark = pytest.mark.usefixtures("loop_factory")

PIECES = [bytes([number]) * 10_000 for number in range(30)]


# --- requests
def session() -> requests.Session:
    """Return a session that takes nothing from the environment."""
    made = requests.Session()
    made.trust_env = False
    return made


async def test_requests_gets_every_answer_on_one_session() -> None:
    """Bodies of every framing come whole, unpacked where the origin packed them."""

    def ask(base: str) -> dict[str, bytes]:
        with session() as client:
            return {path: client.get(base + path, timeout=10).content for path in ANSWERS}

    async with staged() as stage:
        assert await asyncio.to_thread(ask, stage.base) == ANSWERS


async def test_requests_posts_a_generator() -> None:
    """It goes in chunks, and arrives whole."""

    def ask(base: str) -> dict[str, object]:
        with session() as client:
            return dict(client.post(base + "/echo", data=iter(PIECES), timeout=10).json())

    async with staged() as stage:
        fact = await asyncio.to_thread(ask, stage.base)
    assert (fact["sha256"], fact["chunked"]) == (digest(b"".join(PIECES)), True)


async def test_requests_downloads_a_stream() -> None:
    """An answer of no announced length can be read piece by piece, and another behind it."""

    def ask(base: str) -> Iterator[bytes]:
        with session() as client:
            for _ in range(2):
                with client.get(base + "/chunked", timeout=10, stream=True) as answer:
                    yield b"".join(answer.iter_content(1000))

    async with staged() as stage:
        assert await asyncio.to_thread(list, ask(stage.base)) == [FILE, FILE]


async def test_requests_is_told_what_went_wrong() -> None:
    """A path that the gateway keeps to itself is refused in a form that a program can read."""

    def ask(base: str) -> requests.Response:
        with session() as client:
            return client.post(base + "/iam/login", json={}, timeout=10)

    async with staged() as stage:
        answer = await asyncio.to_thread(ask, stage.base)
    assert (answer.status_code, answer.headers["Content-Type"]) == (403, "application/problem+json")
    assert answer.json()["status"] == 403


# --- httpx
async def pieces() -> AsyncIterator[bytes]:
    """Give a body in pieces."""
    for piece in PIECES:
        yield piece


async def test_httpx_gets_every_answer() -> None:
    """Bodies of every framing come whole, one behind another and side by side."""
    async with staged() as stage, httpx_client(stage.port) as client:
        for _ in range(2):
            answers = await asyncio.gather(*(client.get(path) for path in ANSWERS))
            assert [answer.content for answer in answers] == list(ANSWERS.values())


async def test_httpx_posts_a_stream() -> None:
    """It goes in chunks, and arrives whole, though the token has just died."""
    async with staged() as stage, httpx_client(stage.port) as client:
        stage.origin.revoke()
        fact = (await client.post("/echo", content=pieces())).json()
        assert stage.origin.refused == 1
    assert (fact["sha256"], fact["chunked"]) == (digest(b"".join(PIECES)), True)


async def test_httpx_reads_events_as_lines() -> None:
    """Server-sent events come as the origin wrote them."""
    async with staged() as stage, httpx_client(stage.port) as client, client.stream("GET", "/events") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        lines = [line async for line in answer.aiter_lines()]
    assert lines == EVENTS.decode().splitlines()


async def test_httpx_leaves_in_the_middle() -> None:
    """An answer that is not read to its end costs the next one nothing."""
    async with staged() as stage, httpx_client(stage.port) as client:
        async with client.stream("GET", "/chunked") as answer:
            await anext(answer.aiter_raw())
        assert (await client.get("/file")).content == FILE


# --- websockets
def socket_to(stage: Stage, path: str = "/ws") -> connect:
    """Return a connection to be made, of no proxy."""
    return connect(stage.base.replace("http", "ws", 1) + path, proxy=None, max_size=2**24, open_timeout=10)


async def said_back(socket: ClientConnection, message: str | bytes) -> bool:
    """Return whether a message comes back as it was sent."""
    await socket.send(message)
    return await socket.recv() == message


async def test_websockets_are_echoed() -> None:
    """Text, bytes, nothing, and a message of a megabyte come back in order; both ends see the close."""
    async with staged() as stage, socket_to(stage) as socket:
        for message in ("text: ä", b"\x00\xff", "", bytes(2**20), "x" * 2**20):
            assert await said_back(socket, message)
        await socket.close(4000, "enough")
        assert (socket.close_code, await stage.origin.left.get()) == (1000, 4000)


async def test_the_origin_closes_a_websocket() -> None:
    """Its close frame arrives, and is answered, before the connection ends."""
    async with staged() as stage, socket_to(stage, "/ws?until=bye") as socket:
        assert await said_back(socket, "stay")
        await socket.send("bye")
        with pytest.raises(ConnectionClosedOK) as ended:
            await socket.recv()
    assert ended.value.rcvd is not None
    assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (1000, "as you wish")


async def test_many_messages_cross_at_once() -> None:
    """Both ways carry bytes at the same time, as long as both ends read."""
    async with staged() as stage, socket_to(stage) as socket:
        sent = [bytes([number]) * 50_000 for number in range(100)]
        sending = asyncio.create_task(all_sent(socket, sent))
        assert [await socket.recv() for _ in sent] == sent
        await sending


async def all_sent(socket: ClientConnection, messages: list[bytes]) -> None:
    """Send messages one behind the other."""
    for message in messages:
        await socket.send(message)


async def test_a_ping_crosses() -> None:
    """Control frames are answered by the other end."""
    async with staged() as stage, socket_to(stage) as socket:
        await (await socket.ping(b"there?"))


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/iam/login", 403), ("/file", 200)])
async def test_a_websocket_that_is_refused(path: str, status: int) -> None:
    """What does not switch is an answer like any other."""
    async with staged() as stage:
        with pytest.raises(InvalidStatus) as refused:
            async with socket_to(stage, path):
                pass
    assert refused.value.response.status_code == status


async def test_a_websocket_with_a_dead_token() -> None:
    """The handshake is sent again with the next token, and its client does not notice."""
    async with staged() as stage:
        stage.origin.revoke()
        async with socket_to(stage) as socket:
            assert await said_back(socket, "hello")
        assert (stage.origin.refused, stage.origin.logins) == (1, 2)
