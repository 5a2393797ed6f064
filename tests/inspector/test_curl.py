"""Exchanges as command lines, run by a real shell with the real curl."""

import asyncio

import pytest

from proxy.inspector.curl import command
from proxy.inspector.entry import Entry
from tests.fakes.server import serving
from tests.inspector.entries import entry

CASES = [
    entry(b"/a%2Fb/../c?x=[1]&y={2}&z=a'b"),
    entry(b"/", method="DELETE", lines=[b'X-Quote: it\'s "this" $HOME `id` \\ !\r\n', b"X-Empty:\r\n"]),
    entry(b"/post", method="POST", lines=[b"Content-Type: application/json\r\n"], body=b'{"a": "it\'s\n@home"}'),
    entry(b"/put", method="PUT", body=b"@/etc/passwd"),
    entry(b"/binary", method="POST", body=bytes(range(256)) * 2),
    entry(b"/search", method="QUERY", body="é€\n".encode()),
    entry(b"*", method="OPTIONS"),
]


@pytest.mark.parametrize("made", CASES, ids=lambda made: made.fact.method + made.fact.target.decode())
async def test_what_curl_sends_is_what_was_asked(made: Entry) -> None:
    """Method, target, fields and body arrive to the byte; nothing in them reaches the shell."""
    seen: list[bytes] = []

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")), 0)
        seen.append(head + await reader.readexactly(length))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    async with serving(visit) as port:
        line = command(made, f"http://127.0.0.1:{port}")
        shell = await asyncio.create_subprocess_shell(f'curl() {{ command curl --silent --show-error "$@"; }}; {line}')
        assert await shell.wait() == 0
    head, _, body = seen[0].partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    assert first == b"%b %b HTTP/1.1" % (made.fact.method.encode(), made.fact.target)
    assert body == made.request.data
    assert b"Host: gateway:8080" in lines
    for each in made.lines:
        assert each.rstrip() in lines or each.rstrip() + b" " in lines
    assert not any(line.lower().startswith(b"content-type: application/x-www") for line in lines)


async def test_what_was_asked_of_a_proxy_is_asked_of_it_again() -> None:
    """The gateway stands there as curl's proxy, and is asked for the whole URL."""
    seen: list[bytes] = []

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    made = entry(b"/x?y=1")
    made.host, made.absolute = b"platform.example", True
    async with serving(visit) as port:
        shell = await asyncio.create_subprocess_shell(command(made, f"http://127.0.0.1:{port}") + " --silent")
        assert await shell.wait() == 0
    first, *lines = seen[0].split(b"\r\n")
    assert first == b"GET http://platform.example/x?y=1 HTTP/1.1"
    assert b"Host: platform.example" in lines


def test_masked_values_stay_out() -> None:
    """The gateway puts its own in; what is masked cannot be sent."""
    made = entry(
        control={b"host": b"gateway:8080", b"authorization": b"Bearer ****", b"content-length": b"0"},
        lines=[b"Cookie: sid=****\r\n", b"Accept: */*\r\n", b"User-Agent: curl/8\r\n", b"X-Mine: 1\r\n"],
    )
    assert command(made, "http://gateway:8080") == ("curl --globoff --path-as-is -H 'X-Mine: 1' http://gateway:8080/")
