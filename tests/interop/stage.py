"""A stage for real programs: an origin, a gateway in front of it, and the way to run a program."""

import asyncio
import contextlib
import os
import ssl
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import httpx

from proxy.app import App
from proxy.config.settings import Config
from proxy.core.address import TcpAddress
from proxy.core.route import LOGIN_PATHS
from tests.interop.origin import Origin, real_origin
from tests.test_app import config, running


class Ran(NamedTuple):
    """What a program left behind."""

    code: int | None
    out: bytes
    err: bytes


@dataclass
class Stage:
    """A gateway, the port on which it listens, and the origin behind it."""

    app: App
    port: int
    origin: Origin

    @property
    def base(self) -> str:
        """The gateway's URL, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"


@contextlib.asynccontextmanager
async def in_front_of(origin: Origin, settings: Config) -> AsyncIterator[Stage]:
    """Run a gateway that has logged in; as configurations do, it keeps the login to itself."""
    routes = tuple(replace(route, deny=LOGIN_PATHS) for route in settings.routes)
    async with running(replace(settings, routes=routes)) as app:
        address = app.addresses[0]
        assert isinstance(address, TcpAddress)
        await origin.known.wait()
        yield Stage(app, address.port, origin)


@contextlib.asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    """Run a gateway in front of an origin."""
    async with real_origin() as origin, in_front_of(origin, config(origin.port)) as stage:
        yield stage


def httpx_client(port: int, ca: Path | None = None) -> httpx.AsyncClient:
    """Return a client of a port, over TLS if there is an authority; it takes nothing from the environment."""
    verify = ssl.create_default_context(cafile=ca) if ca else False
    base = f"https://localhost:{port}" if ca else f"http://127.0.0.1:{port}"
    return httpx.AsyncClient(base_url=base, verify=verify, trust_env=False, timeout=10)


def environment(more: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """Return this environment without the proxies that programs would take from it, and with what is given."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return {**kept, "LC_ALL": "C", **more}


async def run(*command: str | Path, stdin: bytes = b"", environ: Mapping[str, str] = MappingProxyType({})) -> Ran:
    """Run a program to its end; where the test ends first, the program does too."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment(environ)
    )
    try:
        out, err = await process.communicate(stdin)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Ran(process.returncode, out, err)


async def succeeded(
    *command: str | Path, stdin: bytes = b"", environ: Mapping[str, str] = MappingProxyType({})
) -> bytes:
    """Run a program that has to end well, and return what it wrote."""
    ran = await run(*command, stdin=stdin, environ=environ)
    assert ran.code == 0, f"{command}: {ran.code}\n{ran.err.decode(errors='replace')}"
    return ran.out
