"""The certificate of a login is verified as its credential says."""

import asyncio
import ssl
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from proxy.core.credential import Verification
from proxy.errors import LoginUnavailable
from proxy.tokens.login import Login
from tests.core.secrets import credential
from tests.tokens.clock import FakeClock
from tests.tokens.login_server import TOKEN, login_server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, its key in the same file."""
    path = tmp_path_factory.mktemp("tls") / "login.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=login"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(path), "-out", str(path.with_suffix(".crt"))]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)  # noqa: S603 - our own words
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path


def server_side(certificate: Path) -> ssl.SSLContext:
    """Return what the login server presents."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def attempt(certificate: Path, verification: Verification) -> str:
    """Log in and return the token's text."""
    async with login_server(tls=server_side(certificate)) as server:
        by = Login(replace(credential(server.url), verification=verification), clock=FakeClock())
        return (await by.issue(await by.identify())).value


async def handshakes_over() -> None:
    """Wait for the tasks in which asyncio's server has begun handshakes that failed."""
    if begun := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(begun)


async def test_a_private_authority_is_trusted_where_it_is_named(certificate: Path) -> None:
    """By `ca_file`."""
    assert await attempt(certificate, Verification(ca_file=str(certificate))) == TOKEN


async def test_verification_can_be_turned_off(certificate: Path) -> None:
    """By `verify = false` alone."""
    assert await attempt(certificate, Verification(verify=False)) == TOKEN


async def test_an_unknown_certificate_is_refused(certificate: Path) -> None:
    """Verification is on by default; the cause says what is wrong with the certificate."""
    with pytest.raises(LoginUnavailable) as caught:
        await attempt(certificate, Verification())
    await handshakes_over()
    assert caught.value.cause == "the login's certificate does not verify: self-signed certificate"


async def test_another_authority_than_the_one_that_is_named_is_refused(certificate: Path, tmp_path: Path) -> None:
    """A `ca_file` adds to whom is trusted; it does not take the verification away."""
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    with pytest.raises(LoginUnavailable) as caught:
        await attempt(certificate, Verification(ca_file=str(other)))
    await handshakes_over()
    assert caught.value.cause == "the login's certificate does not verify: self-signed certificate"


async def test_a_missing_ca_file_is_named() -> None:
    """Before anything is sent."""
    async with login_server() as server:
        verification = Verification(ca_file="/nowhere/ca.pem")
        by = Login(replace(credential(server.url), verification=verification), clock=FakeClock())
        with pytest.raises(LoginUnavailable) as caught:
            await by.issue(await by.identify())
        assert server.asked == []
    assert caught.value.cause == "/nowhere/ca.pem: No such file or directory"


async def test_a_ca_file_that_is_none_is_said(tmp_path: Path) -> None:
    """OpenSSL's reason is the cause."""
    path = tmp_path / "ca.pem"
    path.write_text("no certificate")
    by = Login(
        replace(credential("https://127.0.0.1:1/"), verification=Verification(ca_file=str(path))), clock=FakeClock()
    )
    with pytest.raises(LoginUnavailable) as caught:
        await by.issue(await by.identify())
    assert caught.value.cause.startswith(f"{path}: [X509: NO_CERTIFICATE_OR_CRL_FOUND]")


async def test_tls_to_a_plain_server_fails(certificate: Path) -> None:
    """As a failure of TLS, with OpenSSL's reason."""

    def visit(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(visit, "127.0.0.1", 0)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        by = Login(replace(credential(url), verification=Verification(ca_file=str(certificate))), clock=FakeClock())
        with pytest.raises(LoginUnavailable) as caught:
            await by.issue(await by.identify())
    assert caught.value.cause == "no connection to the login: TLS failed: WRONG_VERSION_NUMBER"
