"""`iam-proxy open`: a browser that is sent to the inspector of the running gateway, or why it cannot be."""

import io
import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proxy.admin.guard import Guard
from proxy.admin.listener import listen
from proxy.config import callers
from proxy.config.settings import Log
from proxy.core.address import Address, TcpAddress
from proxy.core.keys import Keys
from proxy.core.secret import Secret
from proxy.errors import RequestRefused, StartError
from proxy.listen import bound, open_socket
from proxy.log import Output
from proxy.metrics import Metrics
from proxy.probe import page
from proxy.view import AppView
from tests.fakes.ports import free_port
from tests.fakes.process import Program, program
from tests.test_app import config
from tests.test_app import running as running_app
from tests.test_cli import ran

ADMIN_KEY = "key-of-the-operator"
CONFIG = """
[server]
listen = "127.0.0.1:0"
[admin]
{admin}
[[routes]]
upstream = "http://127.0.0.1:9"
"""


def browser(folder: Path) -> str:
    """Return a browser that notes where it is sent, as BROWSER names it."""
    script = folder / "browser"
    script.write_text('#!/bin/sh\nprintf "%s\\n" "$@" >> sent\n')
    script.chmod(stat.S_IRWXU)
    return str(script)


def opened(folder: Path, **environ: str) -> tuple[int, str, str]:
    """Run `open`; return exit code, output and errors."""
    return ran("open", folder=folder, BROWSER=browser(folder), **environ)


def configured(folder: Path, *admin: str) -> None:
    """Write a configuration with these lines for the admin listener."""
    (folder / "iam-proxy.toml").write_text(CONFIG.format(admin="\n".join(admin)))


@asynccontextmanager
async def running(folder: Path, *admin: str) -> AsyncIterator[Program]:
    """Run a gateway with these lines for its admin listener, which listens already."""
    configured(folder, *admin)
    async with program("run", folder=folder) as gateway:
        await gateway.event("admin listening")
        yield gateway


async def test_the_page_is_opened(tmp_path: Path) -> None:
    """In the browser that BROWSER names; its address is printed as well, and is all that is said."""
    port = free_port()
    async with running(tmp_path, f'listen = "127.0.0.1:{port}"', "inspector = true"):
        page = f"http://127.0.0.1:{port}/\n"
        assert opened(tmp_path) == (0, page, "")
        assert (tmp_path / "sent").read_text() == page


class FromElsewhere(Guard):
    """Takes everybody for a peer beyond this machine."""

    def refusal(self, peer: str | None, path: str, fields: Mapping[bytes, bytes]) -> RequestRefused | None:
        """Return why a request gets no answer."""
        del peer
        return super().refusal("10.1.2.3", path, fields)


@asynccontextmanager
async def beyond(keys: Keys | None) -> AsyncIterator[Address]:
    """Run an admin listener that is asked from beyond its machine, and yield where."""
    async with running_app(config(free_port())) as app:
        sock = open_socket(TcpAddress("127.0.0.1", 0))
        guard = FromElsewhere(app.hosts, callers.allowed(["private"]), keys)
        runner = await listen(AppView(app, Metrics(), Output(Log(), io.StringIO())), sock, guard)
        try:
            yield bound(sock)
        finally:
            await runner.cleanup()


async def test_a_page_that_wants_a_key() -> None:
    """The browser asks for it, as it is told by the 401: the address has none, and needs none to be found."""
    keys = Keys()
    keys.set("key", Secret(ADMIN_KEY))
    async with beyond(keys) as address:
        assert await page(address) == f"http://{address}/"


async def test_a_listener_that_does_not_let_this_machine_in() -> None:
    """It is said what decides that."""
    async with beyond(None) as address:
        with pytest.raises(StartError, match="refuses this machine"):
            await page(address)


async def test_a_listener_on_all_addresses_is_asked_on_this_machine(tmp_path: Path) -> None:
    """0.0.0.0 is where one listens, not where one asks."""
    port = free_port()
    async with running(
        tmp_path, f'listen = "0.0.0.0:{port}"', 'allow = ["any"]', f'key = "{ADMIN_KEY}"', "inspector = true"
    ):
        assert opened(tmp_path)[:2] == (0, f"http://127.0.0.1:{port}/\n")


async def test_the_inspector_is_off(tmp_path: Path) -> None:
    """What to write is said, and that it takes a restart; no browser is started."""
    port = free_port()
    async with running(tmp_path, f'listen = "127.0.0.1:{port}"'):
        code, out, err = opened(tmp_path)
        assert (code, out) == (1, "")
        assert "is off; write [admin] inspector = true, and start it anew" in err
        assert not (tmp_path / "sent").exists()


async def test_somebody_else_is_there(tmp_path: Path) -> None:
    """No page of another program is opened as if it were the inspector."""
    async with program("sandbox", "--listen", "127.0.0.1:0", folder=tmp_path) as sandbox:
        where = (await sandbox.line("listens on")).split("http://")[1].split(";")[0]
        configured(tmp_path, f'listen = "{where}"')
        code, out, err = opened(tmp_path)
        assert (code, out) == (1, "")
        assert f"what answers at http://{where}/ is no iam-proxy; see admin.listen" in err


@pytest.mark.parametrize(
    ("listen", "code", "said"),
    [
        ("127.0.0.1:PORT", 1, "no answer from the gateway at 127.0.0.1:PORT: Connection refused; is it running?"),
        ("", 1, 'admin.listen is "": there is no admin listener'),
        ("unix:admin.sock", 1, "where no browser can ask"),
        ("127.0.0.1:0", 1, "port 0; the log of the gateway says where its page is"),
        ("nowhere", 2, "admin.listen: is not an address"),
    ],
)
def test_nobody_to_ask(listen: str, code: int, said: str, tmp_path: Path) -> None:
    """Each in one line."""
    port = str(free_port())
    configured(tmp_path, f'listen = "{listen.replace("PORT", port)}"')
    ended, out, err = opened(tmp_path)
    assert (ended, out, len(err.splitlines())) == (code, "", 1)
    assert said.replace("PORT", port) in err


async def test_no_browser(tmp_path: Path) -> None:
    """The address stands there for whoever opens it elsewhere; 1."""
    port = free_port()
    async with running(tmp_path, f'listen = "127.0.0.1:{port}"', "inspector = true"):
        environ = {"BROWSER": "/bin/false", "PATH": str(tmp_path)}  # else it would find another
        code, out, err = ran("open", folder=tmp_path, **environ)
        assert (code, out) == (1, f"http://127.0.0.1:{port}/\n")
        assert "no browser could be started; open the address by hand" in err


async def test_the_demo_needs_no_configuration(tmp_path: Path) -> None:
    """`open` without a file asks where a gateway is by default, and says so where there is none."""
    code, out, err = opened(tmp_path, IAM_PROXY_ADMIN_LISTEN=f"127.0.0.1:{free_port()}")
    assert (code, out, "no answer from the gateway" in err) == (1, "", True)
