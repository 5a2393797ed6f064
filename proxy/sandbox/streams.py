"""What takes long or never ends: uploads, downloads, events, WebSocket. None of it is held in memory."""

import asyncio
import hashlib
import io
import tarfile
from collections.abc import AsyncIterator

from aiohttp import BodyPartReader, WSMsgType, web

BLOCK = bytes(64 * 1024)


def routes() -> list[web.RouteDef]:
    """Return the endpoints."""
    return [
        web.get("/qb/query.csv", csv),
        web.get("/dpe/v3/configurations/{id}.tgz", archive),
        web.post("/dpe/v3/configurations/{id}", receive_archive),
        web.post("/upload", upload),
        web.put("/upload", upload),
        web.get("/events", events),
        web.get("/ws", websocket),
    ]


def number(request: web.Request, name: str, default: int, most: int) -> int:
    """Return a count from the query, within bounds. Raises HTTPBadRequest."""
    text = request.query.get(name, str(default))
    if not text.isdigit() or int(text) > most:
        raise web.HTTPBadRequest(text=f"{name}: expected a count up to {most}\n")
    return int(text)


async def csv(request: web.Request) -> web.StreamResponse:
    """Stream rows as CSV, in chunks."""
    rows = number(request, "rows", 10, 100_000_000)
    response = web.StreamResponse(headers={"Content-Disposition": 'attachment; filename="query.csv"'})
    response.content_type, response.charset = "text/csv", "utf-8"
    await response.prepare(request)
    await response.write(b"row;region;sales\r\n")
    for first in range(0, rows, 1000):
        block = range(first, min(first + 1000, rows))
        await response.write(b"".join(b"%d;Brittany;%d\r\n" % (row, row % 997) for row in block))
    await response.write_eof()
    return response


async def archive(request: web.Request) -> web.StreamResponse:
    """Send a small tar archive, or as many bytes as `bytes` says."""
    size = number(request, "bytes", 0, 1 << 40)
    body = b"" if size else tgz(request.match_info["id"])
    response = web.StreamResponse(headers={"Content-Disposition": "attachment"})
    response.content_type, response.content_length = "application/gzip", size or len(body)
    await response.prepare(request)
    await response.write(body)
    while size:
        block = BLOCK[: min(size, len(BLOCK))]
        await response.write(block)
        size -= len(block)
    await response.write_eof()
    return response


def tgz(name: str) -> bytes:
    """Return a tar archive with one file."""
    buffer, content = io.BytesIO(), f'{{"configuration": "{name}"}}\n'.encode()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        entry = tarfile.TarInfo("configuration.json")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


async def receive_archive(request: web.Request) -> web.Response:
    """Take a multipart upload with the field `archive`."""
    if not request.content_type.startswith("multipart/"):
        raise web.HTTPBadRequest(text="expected multipart/form-data with the field archive\n")
    async for part in await request.multipart():
        if isinstance(part, BodyPartReader) and part.name == "archive":
            return web.json_response({"name": part.filename, **await summed(part_blocks(part))})
    raise web.HTTPBadRequest(text="the field archive is missing\n")


async def part_blocks(part: BodyPartReader) -> AsyncIterator[bytes]:
    """Yield the content of a part."""
    while block := await part.read_chunk(len(BLOCK)):
        yield block


async def upload(request: web.Request) -> web.Response:
    """Take a body of any size."""
    return web.json_response(await summed(request.content.iter_chunked(len(BLOCK))))


async def summed(blocks: AsyncIterator[bytes]) -> dict[str, object]:
    """Return size and SHA-256 of what comes."""
    digest, size = hashlib.sha256(), 0
    async for block in blocks:
        digest.update(block)
        size += len(block)
    return {"size": size, "sha256": digest.hexdigest()}


async def events(request: web.Request) -> web.StreamResponse:
    """Send events, `interval` ms apart."""
    count, interval = number(request, "count", 10, 1_000_000), number(request, "interval", 1000, 3_600_000)
    response = web.StreamResponse(headers={"Cache-Control": "no-store"})
    response.content_type = "text/event-stream"
    await response.prepare(request)
    for event in range(1, count + 1):
        await response.write(b"id: %d\ndata: event %d\n\n" % (event, event))
        await asyncio.sleep(interval / 1000)
    await response.write_eof()
    return response


async def websocket(request: web.Request) -> web.WebSocketResponse:
    """Send back every message."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket
