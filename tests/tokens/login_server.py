"""A login server on a real socket that answers with the bytes that a test gives it."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

TOKEN = "f54e34a56b897"

Script = Callable[[asyncio.StreamWriter], Awaitable[None]]


def answer(body: bytes, *fields: str, status: str = "200 OK") -> bytes:
    """Return a whole answer with this body and these further fields."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def session(token: str = TOKEN, **more: object) -> bytes:
    """Return the body of a login that succeeds."""
    return json.dumps({"uid": "u", "token": token} | more).encode()


@dataclass
class Asked:
    """A request as it arrived, the field names in lower case."""

    line: str
    fields: dict[str, str]
    body: bytes


@dataclass
class LoginServer:
    """Answers each request with the next of `answers`, the last one for ever; bytes, or a script that writes them."""

    answers: list[bytes | Script] = field(default_factory=lambda: [answer(session())])
    asked: list[Asked] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    scheme: str = "http"

    @property
    def url(self) -> str:
        """Where to log in."""
        return f"{self.scheme}://127.0.0.1:{self.port}/iam/login"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, for as long as the client keeps it."""
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                await self._request(reader)
                script = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if isinstance(script, bytes):
                    writer.write(script)
                else:
                    await script(writer)
                await writer.drain()
        writer.close()

    async def _request(self, reader: asyncio.StreamReader) -> None:
        line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()[:-1]
        fields = {name.lower(): value for name, _, value in (each.partition(": ") for each in lines)}
        body = await reader.readexactly(int(fields.get("content-length", "0")))
        self.asked.append(Asked(line, fields, body))
        self.arrived.set()


@asynccontextmanager
async def login_server(*answers: bytes | Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[LoginServer]:
    """Serve logins on a free port; with no answers given, each one succeeds."""
    made = LoginServer(scheme="https" if tls else "http")
    if answers:
        made.answers = list(answers)
    connections: set[asyncio.Task[None]] = set()

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        with suppress(asyncio.CancelledError):  # the test has ended
            await made.serve(reader, writer)
        writer.close()
        connections.discard(task)

    server = await asyncio.start_server(visit, "127.0.0.1", 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in connections:
            task.cancel()
        if connections:
            await asyncio.wait(connections)


async def silence(writer: asyncio.StreamWriter) -> None:
    """Answer nothing, for ever."""
    del writer
    await asyncio.Event().wait()


def then_silence(start: bytes) -> Script:
    """Return a script that writes the start of an answer and then nothing more."""

    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        await writer.drain()
        await silence(writer)

    return script


def then_close(start: bytes) -> Script:
    """Return a script that writes the start of an answer and closes."""

    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        await writer.drain()
        writer.close()

    return script
