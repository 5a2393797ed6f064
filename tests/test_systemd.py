"""What systemd and the program tell each other; the part of systemd is played by the test."""

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import aiohttp
import pytest

from proxy.core.address import TcpAddress
from proxy.errors import StartError
from proxy.listen import bound, open_socket
from proxy.systemd import FIRST, Handed, Notice, handed, listening, taken
from tests.fakes.gateway import RawClient
from tests.fakes.origin import raw_origin
from tests.fakes.process import Program, executed, program

ROUTE = '[[routes]]\nupstream = "http://127.0.0.1:9"\n'
FREE = '[server]\nlisten = "127.0.0.1:0"\n[admin]\nlisten = ""\n'
# Above this number nobody has opened a file: the shell has free hands for 3 and 4 (and bash alone takes two digits).
HIGH = 60


class Manager:
    """The service manager: a socket that takes datagrams, and what has come there."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self.sock.setblocking(False)  # noqa: FBT003  the standard library has no other way

    async def told(self) -> dict[str, str]:
        """Wait for a datagram and return its assignments."""
        loop = asyncio.get_running_loop()
        data = await loop.run_in_executor(None, self._receive)
        return dict(line.split("=", 1) for line in data.decode().split("\n"))

    def _receive(self) -> bytes:
        self.sock.settimeout(30.0)
        return self.sock.recv(4096)


@contextlib.contextmanager
def manager(address: str) -> Iterator[Manager]:
    """Listen for what a service tells."""
    made = Manager(address)
    try:
        yield made
    finally:
        made.sock.close()


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where systemd is told things: a path, or a name in the abstract namespace."""
    return str(tmp_path / "user@1000") if request.param == "path" else f"@iam-proxy/{tmp_path.name}"


async def test_the_states_of_a_service(address: str, tmp_path: Path) -> None:
    """Ready once it listens, reloading and ready again, also where the file has mistakes; stopping."""
    file = tmp_path / "iam-proxy.toml"
    file.write_text(FREE + ROUTE)
    with manager(address) as it:
        async with program("run", folder=tmp_path, NOTIFY_SOCKET=address) as gateway:
            where = (await gateway.event("listening"))["address"]
            assert await it.told() == {"READY": "1", "STATUS": f"listening on {where}"}
            for text, status in (
                (FREE + ROUTE + "via = false\n", f"listening on {where}"),
                ("[nonsense]", f"listening on {where}; the last reload was refused"),
            ):
                file.write_text(text)
                gateway.signal(signal.SIGHUP)
                begun = await it.told()
                assert (begun["RELOADING"], int(begun["MONOTONIC_USEC"]) > 0) == ("1", True)
                assert await it.told() == {"READY": "1", "STATUS": status}
            gateway.signal(signal.SIGTERM)
            ended = await it.told()
            assert (ended["STOPPING"], int(ended["EXTEND_TIMEOUT_USEC"])) == ("1", 40_000_000)
            assert await gateway.ended() == 0


async def test_the_watchdog_of_a_loop_that_turns(tmp_path: Path) -> None:
    """Told in half the time, again and again; a process that is stopped tells nothing."""
    address = str(tmp_path / "notify")
    (tmp_path / "iam-proxy.toml").write_text(FREE + ROUTE)
    with manager(address) as it:
        environ = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "200000"}
        async with program("run", folder=tmp_path, **environ) as gateway:
            assert "READY" in await it.told()
            assert [await it.told() for _ in range(3)] == [{"WATCHDOG": "1"}] * 3
            gateway.signal(signal.SIGSTOP)
            it.sock.settimeout(0.0)
            with contextlib.suppress(BlockingIOError):
                while it.sock.recv(100):
                    pass
            gateway.signal(signal.SIGCONT)
            assert await it.told() == {"WATCHDOG": "1"}
            gateway.signal(signal.SIGTERM)
            assert await gateway.ended() == 0


def test_a_watchdog_of_another_process() -> None:
    """What is meant for the parent is none of ours; nor is a watchdog without anybody to tell."""
    told = {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "2000000"}
    assert Notice(told)._interval == 1.0
    assert Notice({**told, "WATCHDOG_PID": str(os.getpid())})._interval == 1.0
    assert Notice({**told, "WATCHDOG_PID": "1"})._interval == 0.0
    assert Notice({"WATCHDOG_USEC": "2000000"})._interval == 0.0
    assert Notice({**told, "WATCHDOG_USEC": "soon"})._interval == 0.0


def test_nobody_to_tell(tmp_path: Path) -> None:
    """Without systemd, and where its socket has gone, nothing happens."""
    nobody: list[dict[str, str]] = [{}, {"NOTIFY_SOCKET": str(tmp_path / "gone")}]
    for told in nobody:
        notice = Notice(told)
        notice.ready("well")
        notice.reloading()
        notice.stopping(1.0)
        notice.close()


def test_what_systemd_says_is_taken_out() -> None:
    """No command that the gateway starts takes it for its own."""
    environ = {"LISTEN_FDS": "1", "LISTEN_PID": "1", "NOTIFY_SOCKET": "/x", "PATH": "/bin"}
    assert taken(environ) == {"LISTEN_FDS": "1", "LISTEN_PID": "1", "NOTIFY_SOCKET": "/x"}
    assert environ == {"PATH": "/bin"}


# --- sockets
@contextlib.asynccontextmanager
async def handed_over(sockets: Sequence[socket.socket], folder: Path, names: str = "") -> AsyncIterator[Program]:
    """Start the program with these sockets as systemd does: from descriptor 3 on, and with its own process id."""
    high = [fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD, HIGH) for sock in sockets]
    moves = " ".join(f"{FIRST + place}<&{descriptor}" for place, descriptor in enumerate(high))
    shell = f'exec {moves}; export LISTEN_PID=$$ LISTEN_FDS={len(high)} LISTEN_FDNAMES={names}; exec "$@"'
    try:
        async with executed(["bash", "-c", shell, "bash"], ["run"], high, folder, {}) as started:
            yield started
    finally:
        for descriptor in high:
            os.close(descriptor)


def port_of(sock: socket.socket) -> int:
    """Return the port of a socket."""
    address = bound(sock)
    assert isinstance(address, TcpAddress)
    return address.port


async def livez(port: int) -> int:
    """Return the status of /livez."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/livez") as answer:
        return answer.status


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    """Return two listening sockets on free ports."""
    made = [open_socket(TcpAddress("127.0.0.1", 0)) for _ in range(2)]
    yield made
    for sock in made:
        sock.close()


@pytest.mark.parametrize("by_name", [True, False])
async def test_sockets_that_are_open_already(by_name: bool, sockets: list[socket.socket], tmp_path: Path) -> None:
    """Who has come before the program is served; the admin listener takes its own by name, else by address."""
    admin, gate = sockets
    listen = "" if by_name else f"127.0.0.1:{port_of(admin)}"
    async with raw_origin() as origin, RawClient.to(port_of(gate)) as early:
        text = f'[admin]\nlisten = "{listen}"\n[[routes]]\nupstream = "http://127.0.0.1:{origin.port}"\n'
        (tmp_path / "iam-proxy.toml").write_text(text)
        await early.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
        async with handed_over(sockets, tmp_path, "admin:web" if by_name else "") as gateway:
            assert (await gateway.event("listening"))["address"] == f"127.0.0.1:{port_of(gate)}"
            assert (await gateway.event("admin listening"))["address"] == f"127.0.0.1:{port_of(admin)}"
            assert (await early.answer()).body == b"ok"
            assert await livez(port_of(admin)) == 200
            (tmp_path / "iam-proxy.toml").write_text('[server]\nlisten = "127.0.0.1:0"\n' + text)
            gateway.signal(signal.SIGHUP)
            assert (await gateway.event("changed, but needs a restart"))["key"] == "server.listen"
            assert (await gateway.event("reloaded"))["changed"] == ["server.listen"]
            assert (await early.get()).body == b"ok"
            gateway.signal(signal.SIGTERM)
            assert await gateway.ended() == 0


async def test_sockets_for_several_processes(sockets: list[socket.socket], tmp_path: Path) -> None:
    """The workers take clients from the socket that the supervisor was handed, also from before it began."""
    admin, gate = sockets
    async with raw_origin() as origin, RawClient.to(port_of(gate)) as early:
        text = f'[server]\nworkers = 2\n[[routes]]\nupstream = "http://127.0.0.1:{origin.port}"\n'
        (tmp_path / "iam-proxy.toml").write_text(text)
        await early.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
        async with handed_over(sockets, tmp_path, "admin:web") as gateway:
            assert (await early.answer()).body == b"ok"
            assert await livez(port_of(admin)) == 200
            gateway.signal(signal.SIGTERM)
            assert await gateway.ended() == 0


async def test_a_socket_beyond_this_machine(tmp_path: Path) -> None:
    """It is held to what holds for `server.listen`: nobody is let in whom the file does not name."""
    file = tmp_path / "iam-proxy.toml"
    file.write_text(ROUTE)
    with open_socket(TcpAddress("0.0.0.0", 0)) as sock:
        async with handed_over([sock], tmp_path) as gateway:
            assert await gateway.process.wait() == 2
            assert gateway.process.stderr is not None
            said = (await gateway.process.stderr.read()).decode()
            assert f"the socket 0.0.0.0:{port_of(sock)}, handed over by systemd, is reached from beyond" in said
        file.write_text(FREE + ROUTE + '[access]\nallow = ["private"]\n')
        async with handed_over([sock], tmp_path) as gateway:
            assert (await gateway.event("listening"))["address"] == f"0.0.0.0:{port_of(sock)}"
            gateway.signal(signal.SIGTERM)
            assert await gateway.ended() == 0


async def test_a_socket_that_nobody_can_be_accepted_from(tmp_path: Path) -> None:
    """A connection, as `Accept=yes` hands it over: one line, and exit code 1."""
    (tmp_path / "iam-proxy.toml").write_text(ROUTE)
    one, other = socket.socketpair()
    with one, other:
        async with handed_over([one], tmp_path, "web") as gateway:
            assert await gateway.process.wait() == 1
            assert gateway.process.stderr is not None
            said = (await gateway.process.stderr.read()).decode()
            assert "socket 3 (web), handed over by systemd, is no listening stream socket" in said
            assert "Accept=no" in said


def test_sockets_of_another_process() -> None:
    """What the parent has inherited and not taken out of its environment is none of ours."""
    assert handed({"LISTEN_PID": "1", "LISTEN_FDS": "1"}, None) == Handed()
    assert handed({}, None) == Handed()
    with pytest.raises(StartError, match=r"socket 1000000 \(without a name\).*Bad file descriptor"):
        listening(1_000_000, "")


async def test_commands_of_ours_see_nothing_of_it(sockets: list[socket.socket], tmp_path: Path) -> None:
    """Neither the variables nor the sockets: the key comes only where they are not there."""
    script = tmp_path / "key"
    script.write_text(
        '#!/bin/sh\ntest -z "$LISTEN_FDS$LISTEN_PID$NOTIFY_SOCKET" && ! readlink /proc/self/fd/* | grep -q socket && '
        "echo key\n"
    )
    script.chmod(0o700)
    kind = f'[credentials.c]\nkind = "static"\ntoken = {{ command = ["{script}"] }}\n'
    (tmp_path / "iam-proxy.toml").write_text(FREE + kind + ROUTE)
    async with handed_over(sockets, tmp_path) as gateway:
        await gateway.event("login succeeded")
        gateway.signal(signal.SIGTERM)
        assert await gateway.ended() == 0
