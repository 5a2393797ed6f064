"""An origin that has each request answered by a CGI program (RFC 3875): so git serves its repositories."""

import asyncio
import contextlib
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from aiohttp import web

from tests.interop.origin import Origin, listening
from tests.interop.stage import environment

PIECE = 65536


@dataclass
class Backend:
    """A program, what it is told by its environment, and the fields of the requests that it was given."""

    command: tuple[str, ...]
    environ: Mapping[str, str]
    origin: Origin
    seen: list[Mapping[str, str]]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Have a request answered by the program."""
        self.seen.append(request.headers)
        environ = environment({**self.environ, **meta(request)})
        process = await asyncio.create_subprocess_exec(*self.command, stdin=PIPE, stdout=PIPE, env=environ)
        feeding = asyncio.create_task(feed(process, request))
        try:
            return await relay(process, request)
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            if process.returncode is None:
                process.kill()
            await process.communicate()


def meta(request: web.Request) -> dict[str, str]:
    """Return the variables by which the program knows its request; who gets here had the token."""
    given = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query_string,
        "REMOTE_USER": "gateway",
        "CONTENT_TYPE": request.headers.get("Content-Type"),
        "CONTENT_LENGTH": request.headers.get("Content-Length"),
        "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding"),
        "HTTP_GIT_PROTOCOL": request.headers.get("Git-Protocol"),
    }
    return {name: value for name, value in given.items() if value is not None}


async def feed(process: Process, request: web.Request) -> None:
    """Give the program the body of its request; it need not read all of it."""
    assert process.stdin is not None
    with contextlib.suppress(ConnectionError):
        async for piece in request.content.iter_any():
            process.stdin.write(piece)
            await process.stdin.drain()
    process.stdin.close()


async def relay(process: Process, request: web.Request) -> web.StreamResponse:
    """Send what the program writes, piece by piece."""
    assert process.stdout is not None
    head = (await process.stdout.readuntil(b"\r\n\r\n")).decode()
    fields = dict(line.split(": ", 1) for line in head.split("\r\n") if line)
    response = web.StreamResponse(status=int(fields.pop("Status", "200").split()[0]), headers=fields)
    await response.prepare(request)
    while piece := await process.stdout.read(PIECE):
        await response.write(piece)
    await response.write_eof()
    return response


@contextlib.asynccontextmanager
async def program_origin(*command: str, environ: Mapping[str, str]) -> AsyncIterator[Backend]:
    """Serve a program to those who have the token."""
    backend = Backend(command, environ, Origin(), [])
    app = web.Application(middlewares=[backend.origin.guard])
    app.router.add_post("/iam/login", backend.origin.login)
    app.router.add_route("*", "/{path:.*}", backend.answer)
    async with listening(app) as backend.origin.port:
        yield backend
