"""A real nginx in front, trusted, configured as docs/access.md says."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.core.access import LOOPBACK, Access, networks
from tests.access.requests import code, send
from tests.access.test_document import PAGE
from tests.fakes.gateway import RawClient, gateway_to
from tests.fakes.nginx import nginx
from tests.fakes.origin import raw_origin

pytestmark = pytest.mark.usefixtures("loop_factory")

ACCESS = Access(
    allow=(*LOOPBACK, *networks("192.168.0.0/16")),
    allowed_hosts=frozenset((b"gateway.example.com",)),
    trusted_proxies=LOOPBACK,
)
NAME = "gateway.example.com"


def location(port: int) -> str:
    """Return the page's lines for a gateway on this port."""
    found = re.search(r"```nginx\n(.*?)```", PAGE, re.DOTALL)
    assert found
    assert found[1].count("127.0.0.1:8080") == 1
    return found[1].replace("127.0.0.1:8080", f"127.0.0.1:{port}")


async def test_nginx_in_front(tmp_path: Path) -> None:
    """Its client is known, its pages are our own; foreign names and pages are refused through it as well."""
    async with (
        raw_origin() as origin,
        gateway_to(origin.port, access=ACCESS) as bench,
        nginx(tmp_path, location(bench.port)) as port,
        RawClient.to(port) as client,
    ):
        named, own = f"{NAME}:{port}", f"Origin: http://{NAME}:{port}"
        answer = await send(client, "GET /x", own, "X-Forwarded-For: 6.6.6.6, 192.168.1.7", host=named)
        assert answer.status == 200
        for host, line, expected in (
            ("evil.example", "Origin: http://evil.example", "host_not_allowed"),
            (named, "Origin: http://evil.example", "cross_site"),
            (named, f"Origin: https://{NAME}:{port}", "cross_site"),
            (named, "X-Forwarded-For: 6.6.6.6", "client_not_allowed"),
        ):
            assert code(await send(client, "GET /x", line, host=host)) == expected
        (fact, *_) = await bench.facts(5)
    (arrived,) = origin.arrived
    assert (fact.peer, fact.proxy) == ("192.168.1.7", "127.0.0.1")
    assert arrived.values(b"x-forwarded-for") == [b"192.168.1.7, 127.0.0.1, 127.0.0.1"]
    assert arrived.values(b"x-forwarded-host") == [named.encode()]
    assert arrived.values(b"x-forwarded-proto") == [b"http"]


async def test_an_nginx_that_is_not_trusted(tmp_path: Path) -> None:
    """All that it says of its clients is replaced."""
    access = replace(ACCESS, trusted_proxies=())
    async with (
        raw_origin() as origin,
        gateway_to(origin.port, access=access) as bench,
        nginx(tmp_path, location(bench.port)) as port,
        RawClient.to(port) as client,
    ):
        assert (await send(client, "GET /x", "X-Forwarded-For: 192.168.1.7", host=NAME)).status == 200
    (arrived,) = origin.arrived
    assert arrived.values(b"x-forwarded-for") == [b"127.0.0.1"]
    assert arrived.values(b"x-forwarded-host") == [NAME.encode()]
