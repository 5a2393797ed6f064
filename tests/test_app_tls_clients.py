"""A whole gateway that speaks TLS with its clients: certificates that change under it, drains, and who it logs."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from proxy.announce import curl
from proxy.app import App
from proxy.config.settings import Config
from proxy.core.address import Address, TcpAddress, UnixAddress
from proxy.core.events import Finished
from proxy.core.tls_events import CertificateChanged, CertificateKept, HandshakeFailed, TlsEvent
from proxy.observers import Observers
from tests.fakes.authority import Authority
from tests.fakes.gateway import RawClient
from tests.fakes.origin import Script, Visit, always_ok, raw_origin
from tests.fakes.process import Program, program
from tests.interop.stage import run
from tests.test_app import config

# The looks at the files of a gateway under test are that far apart, in seconds.
OFTEN = 0.02
SOCKETS = pytest.mark.usefixtures("loop_factory")


@dataclass
class Running:
    """A gateway, and what it has told."""

    app: App
    authority: Authority
    finished: list[Finished]
    told: "asyncio.Queue[TlsEvent]"

    @property
    def port(self) -> int:
        """Where it listens."""
        (address,) = self.app.addresses
        assert isinstance(address, TcpAddress)
        return address.port

    def client(self, tls: ssl.SSLContext | None = None) -> contextlib.AbstractAsyncContextManager[RawClient]:
        """Connect a client that trusts the authority."""
        return RawClient.to(self.port, tls or self.authority.trusting())

    async def ask(self, tls: ssl.SSLContext) -> int:
        """Send one request on a connection of its own and return the status."""
        async with self.client(tls) as client:
            return (await client.get()).status


def settings(port: int, authority: Authority, *, asks: bool = False) -> Config:
    """Return a configuration without a credential whose files are looked at often."""
    base = config(port)
    tls = replace(authority.gateway(asks=asks), poll=OFTEN)
    route = replace(base.routes[0], credential=None)
    return replace(base, routes=(route,), server=replace(base.server, tls=tls))


@contextlib.asynccontextmanager
async def gateway(folder: Path, script: Script = always_ok, *, asks: bool = False) -> AsyncIterator[Running]:
    """Run a gateway with a certificate in front of an origin."""
    authority = Authority(folder)
    finished: list[Finished] = []
    told: asyncio.Queue[TlsEvent] = asyncio.Queue()
    async with raw_origin(script) as origin:
        app = App(
            settings(origin.port, authority, asks=asks), Observers(finished.append, lambda _: None, told.put_nowait)
        )
        try:
            await app.start()
            yield Running(app, authority, finished, told)
        finally:
            await app.stop()


def shown_by(client: RawClient) -> bytes:
    """Return the certificate that a client was shown."""
    found = client.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    assert isinstance(found, bytes)
    return found


@SOCKETS
async def test_a_certificate_that_changes_under_an_open_connection(tmp_path: Path) -> None:
    """The connection goes on, in the middle of an answer; the next one sees the new certificate."""
    gate = asyncio.Event()

    async def script(visit: Visit) -> None:
        while True:
            await visit.request()
            await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
            await gate.wait()
            await visit.send(b"again")

    async with gateway(tmp_path, script) as it, it.client() as old:
        await old.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
        assert (await old.reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
        it.authority.gateway()
        assert isinstance(await it.told.get(), CertificateChanged)
        async with it.client() as new:
            assert shown_by(new) != shown_by(old)
            gate.set()
            assert await old.reader.readexactly(5) == b"again"
            for client in (old, new):
                assert (await client.get()).body == b"helloagain"


@SOCKETS
async def test_a_bad_new_certificate(tmp_path: Path) -> None:
    """It is said, and the old one is shown on."""
    async with gateway(tmp_path) as it, it.client() as before:
        (tmp_path / "cert.pem").write_bytes(b"nonsense")
        kept = await it.told.get()
        assert kept == CertificateKept(f"{tmp_path}/cert.pem holds no certificate in PEM")
        async with it.client() as after:
            assert shown_by(after) == shown_by(before)
            assert (await after.get()).status == 200


@SOCKETS
async def test_authorities_of_clients_that_change(tmp_path: Path) -> None:
    """Who was let in before stays connected; who comes now is judged by the new ones."""
    async with gateway(tmp_path, asks=True) as it:
        mine = it.authority.client("me.example")
        async with it.client(mine) as old:
            assert (await old.get()).status == 200
            Authority(tmp_path).ca.cert_pem.write_to_path(tmp_path / "ca.pem")
            assert isinstance(await it.told.get(), CertificateChanged)
            with pytest.raises(OSError):  # noqa: PT011  an alert or a reset, as the loops have it
                await it.ask(mine)
            assert isinstance(await it.told.get(), HandshakeFailed)
            assert (await old.get()).status == 200
        assert [fact.client for fact in it.finished] == ["me.example"] * 2


@SOCKETS
async def test_a_drain(tmp_path: Path) -> None:
    """What runs is finished, idle connections end with a goodbye, handshakes are given up."""
    gate = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        await gate.wait()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with (
        gateway(tmp_path, script) as it,
        it.client() as busy,
        it.client() as idle,
        RawClient.to(it.port) as begun,
    ):
        await busy.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
        await begun.send(b"\x16\x03\x01")
        while it.app.gateway.in_flight < 1 or len(it.app.clients) < 3:  # noqa: ASYNC110  it is looked at
            await asyncio.sleep(0)
        draining = asyncio.create_task(it.app.drain())
        assert await idle.ended()
        assert await begun.ended()
        gate.set()
        answer = await busy.answer()
        assert (answer.status, answer.values(b"connection")) == (200, [b"close"])
        assert await draining


@SOCKETS
async def test_a_stop_in_the_middle_of_a_handshake(tmp_path: Path) -> None:
    """Nothing is left on the loop."""
    async with gateway(tmp_path) as it, RawClient.to(it.port) as begun:
        await begun.send(b"\x16\x03\x01")
        while not it.app.clients:  # noqa: ASYNC110  it is looked at
            await asyncio.sleep(0)
        await it.app.stop()
        assert await begun.ended()


@SOCKETS
async def test_a_unix_socket_stays_plain(tmp_path: Path) -> None:
    """Its mode says who may use it; on the other address TLS is spoken."""
    authority, path = Authority(tmp_path), str(tmp_path / "g.sock")
    async with raw_origin() as origin:
        base = settings(origin.port, authority)
        both = replace(base.server, listen=(UnixAddress(path), TcpAddress("127.0.0.1", 0)))
        app = App(replace(base, server=both), Observers(lambda _: None, lambda _: None))
        try:
            await app.start()
            reader, writer = await asyncio.open_unix_connection(path)
            assert (await RawClient(reader, writer).get()).status == 200
            writer.close()
            address = app.addresses[1]
            assert isinstance(address, TcpAddress)
            async with RawClient.to(address.port, authority.trusting()) as client:
                assert (await client.get()).status == 200
            assert curl(app, app.addresses[0]) == f"curl --unix-socket {path} http://localhost/"
            assert curl(app, address) == f"curl https://127.0.0.1:{address.port}/"
        finally:
            await app.stop()
    protos = [arrived.values(b"x-forwarded-proto") for arrived in origin.arrived]
    assert protos == [[b"http"], [b"https"]]


QUIET = ("curl", "-q", "-sS", "--max-time", "15")


@SOCKETS
async def test_curl(tmp_path: Path) -> None:
    """It gets in with its certificate, of both versions of TLS; without, it is told what is missing."""
    async with gateway(tmp_path, asks=True) as it:
        url, ca = f"https://localhost:{it.port}/x", ("--cacert", tmp_path / "ca.pem")
        pem = it.authority.pem("me.example")
        for version in ("1.2", "1.3"):
            ran = await run(*QUIET, *ca, "--cert", pem, "--tls-max", version, "-d", "hello", url)
            assert (ran.code, ran.out) == (0, b"ok")
        ran = await run(*QUIET, *ca, url)
        assert ran.code != 0
        assert b"certificate required" in ran.err
        ran = await run(*QUIET, f"http://localhost:{it.port}/x")
        assert (ran.code, ran.out) == (52, b"")  # "Empty reply from server"


def written(folder: Path, port: int) -> None:
    """Write a configuration whose clients need certificates."""
    Authority(folder).gateway(asks=True)
    (folder / "iam-proxy.toml").write_text(
        '[server]\nlisten = "127.0.0.1:0"\ntls = { cert = "cert.pem", key = "key.pem", client_ca = "ca.pem" }\n'
        '[admin]\nlisten = ""\n[log]\nlevel = "debug"\n'
        f'[[routes]]\nupstream = "http://127.0.0.1:{port}"\ncredential = "none"\n'
    )


async def heard(gateway: Program) -> tuple[Address, str]:
    """Return where a gateway listens, and the command that it tells."""
    line = await gateway.event("listening")
    host, _, port = line["address"].rpartition(":")
    return TcpAddress(host, int(port)), line["curl"]


async def test_the_program(tmp_path: Path) -> None:
    """It tells how to ask it, logs who was let in by name and who was not at debug level, without a traceback."""
    async with raw_origin() as origin:
        written(tmp_path, origin.port)
        authority = Authority(tmp_path)
        authority.gateway(asks=True)
        async with program("run", folder=tmp_path) as gateway:
            address, command = await heard(gateway)
            assert command == f"curl --cert CERT.pem --key KEY.pem https://{address}/"
            assert isinstance(address, TcpAddress)
            async with RawClient.to(address.port, authority.client("me.example", name="cron")) as client:
                assert (await client.get()).status == 200
            assert (await gateway.event("request"))["client"] == "cron"
            ran = await run(*QUIET, "--cacert", tmp_path / "ca.pem", f"https://localhost:{address.port}/")
            assert ran.code != 0
            line = await gateway.event("TLS handshake failed")
            assert (line["level"], line["peer"]) == ("debug", "127.0.0.1")
            assert line["cause"].endswith("peer did not return a certificate")
            assert "Traceback" not in json.dumps(line)
