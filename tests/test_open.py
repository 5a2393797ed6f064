"""`iam-proxy open`: a browser that is sent to the inspector of the running gateway, or why it cannot be."""

import json
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.ports import free_port
from tests.fakes.process import Program, program
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


async def test_a_page_that_wants_a_key(tmp_path: Path) -> None:
    """The browser asks for it: it is in no address and in no line, and a key that is not at hand keeps nobody out."""
    port = free_port()
    address = next(found[4][0] for found in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET))
    if address == "127.0.0.1":
        pytest.fail("this machine's name is that of loopback; a key is asked for beyond it")
    lines = (f'listen = "0.0.0.0:{port}"', 'allow = ["any"]', f'key = "{ADMIN_KEY}"', "inspector = true")
    async with running(tmp_path, *lines):
        (tmp_path / "there.toml").write_text(f'[admin]\nlisten = "{address}:{port}"\nkey = {{ env = "NOT_SET" }}\n')
        code, out, err = opened(tmp_path, IAM_PROXY_CONFIG="there.toml")
        assert (code, out, err) == (0, f"http://{address}:{port}/\n", "")
        assert ADMIN_KEY not in (tmp_path / "sent").read_text()


async def test_a_listener_on_all_addresses_is_asked_on_this_machine(tmp_path: Path) -> None:
    """0.0.0.0 is where one listens, not where one asks."""
    port = free_port()
    async with running(tmp_path, f'listen = "0.0.0.0:{port}"', f'key = "{ADMIN_KEY}"', "inspector = true"):
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
        ("127.0.0.1:PORT", 1, "no answer from the gateway at 127.0.0.1:PORT"),
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
        code, out, err = ran("open", folder=tmp_path, BROWSER="/bin/false")
        assert (code, out) == (1, f"http://127.0.0.1:{port}/\n")
        assert "no browser could be started; open the address by hand" in err


async def test_the_demo_needs_no_configuration(tmp_path: Path) -> None:
    """`open` without a file asks where a gateway is by default, and says so where there is none."""
    code, out, err = opened(tmp_path, IAM_PROXY_ADMIN_LISTEN=f"127.0.0.1:{free_port()}")
    assert (code, out, json.dumps(err).count("no answer from the gateway")) == (1, "", 1)
