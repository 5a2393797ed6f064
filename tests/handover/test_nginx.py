"""`deploy/nginx/iam-proxy.conf` in a real nginx."""

import contextlib
import re
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.fakes.nginx import certificate, nginx
from tests.handover.cases import BODY, CASES, ECHO, Case
from tests.handover.stage import AUTHORITIES, LOGIN_DOWN, PLATFORM, ROOT, SOCKET, Stage, placed, staged

FILE = (ROOT / "deploy" / "nginx" / "iam-proxy.conf").read_text(encoding="utf-8")


@contextlib.contextmanager
def port_of_its_own() -> Iterator[int]:
    """Keep a port for nginx: bound, but not listening."""
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


@contextlib.asynccontextmanager
async def in_front(folder: Path, authority: str = "ca.pem") -> AsyncIterator[Stage]:
    """Run the file in front of a platform; nginx's own default folder is there, as it is where it is installed."""
    (folder / "html").mkdir()
    (folder / "html" / "index.html").write_text("nginx's own page")
    async with staged(folder) as stage:
        with port_of_its_own() as port:
            file = placed(
                FILE,
                {
                    SOCKET: stage.socket,
                    f"{PLATFORM}:443": f"127.0.0.1:{stage.platform_port}",
                    PLATFORM: "localhost",
                    AUTHORITIES: f"{folder}/{authority}",
                    "listen 127.0.0.1:8080;": f"listen 127.0.0.1:{port} reuseport;",
                },
            )
            stage.port = port
            async with nginx(folder, "", file):
                yield stage


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
async def test_nginx_on_the_data_path(case: Case, tmp_path: Path) -> None:
    """Each case of `cases.py` holds."""
    async with in_front(tmp_path) as stage:
        await case(stage)


async def test_the_target_stays_as_it_is_when_it_is_sent_again(tmp_path: Path) -> None:
    """Byte for byte, behind all the turns inside nginx; a body of 2 MiB as well."""
    async with in_front(tmp_path) as stage:
        assert (await stage.get("/")).body.startswith(b'{"platform"')
        stage.platform.revoke_all()
        answer = await stage.post(ECHO + "/../x", BODY * 1000)
    assert answer.status == 200
    assert f'"target": "{ECHO}/../x"'.encode() in answer.body
    assert f'"size": {len(BODY) * 1000}'.encode() in answer.body
    assert stage.platform.logins == 2


async def test_a_503_says_when_to_come_back(tmp_path: Path) -> None:
    """With the gateway's Retry-After, in the gateway's form."""
    async with in_front(tmp_path) as stage:
        await stage.stop()
        stage.fail(login=LOGIN_DOWN)
        await stage.start()
        answer = await stage.get("/qb/query")
    assert answer.status == 503
    assert [int(value) >= 1 for value in answer.values(b"retry-after")] == [True]
    assert answer.values(b"content-type") == [b"application/problem+json"]
    assert b'"code": "login_unavailable"' in answer.body


async def test_a_platform_that_cannot_be_verified_gets_nothing(tmp_path: Path) -> None:
    """Neither a request nor a token."""
    (tmp_path / "other").mkdir()
    certificate(tmp_path / "other")
    async with in_front(tmp_path, "other/ca.pem") as stage:
        assert (await stage.get("/qb/query")).status == 502
        assert stage.platform.requests == 0


async def test_the_token_locations_are_nobody_s(tmp_path: Path) -> None:
    """What asks for the token is reached from inside alone."""
    names = re.findall(r"auth_request (\S+);", FILE)
    assert len(names) == 2
    async with in_front(tmp_path) as stage:
        for name in names:
            answer = await stage.get(name)
            assert answer.status == 404
            assert answer.values(b"authorization") == []
        assert stage.platform.requests == 0
