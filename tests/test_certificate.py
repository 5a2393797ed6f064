"""The gateway's certificate is exchanged while it runs; what cannot be used changes nothing and is said once."""

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from proxy.certificate import Certificate
from proxy.config.certificates import Certificates
from proxy.config.secrets import FILE_POLL
from proxy.core.tls_events import CertificateChanged, CertificateKept, TlsEvent
from proxy.errors import StartError
from tests.fakes.authority import Authority
from tests.tokens.clock import FakeClock


@dataclass
class Watched:
    """A certificate, its files, and what it has told."""

    authority: Authority
    files: Certificates
    clock: FakeClock = field(default_factory=FakeClock)
    told: list[TlsEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.certificate = Certificate(self.files, self.clock, self.told.append)
        self.certificate.start()

    async def look(self) -> None:
        """Let the time come for a look, and the look end."""
        self.clock.advance(FILE_POLL)
        while self.certificate._polling.looking.flying:  # noqa: ASYNC110  it tells nobody that it has ended
            await asyncio.sleep(0)


def watched(folder: Path) -> Watched:
    """Return a certificate that asks its clients for theirs."""
    authority = Authority(folder)
    return Watched(authority, authority.gateway(asks=True))


async def test_a_new_certificate_is_taken(tmp_path: Path) -> None:
    """At the next look, by the content: the time of change may stay as it was."""
    it = watched(tmp_path)
    first, before = it.certificate.context, (tmp_path / "cert.pem").stat()
    await it.look()
    assert (it.told, it.certificate.context is first) == ([], True)
    it.authority.gateway("other.example", asks=True)
    os.utime(tmp_path / "cert.pem", ns=(before.st_atime_ns, before.st_mtime_ns))
    await it.look()
    assert it.told == [CertificateChanged(str(tmp_path / "cert.pem"))]
    assert it.certificate.context is not first
    await it.look()
    assert len(it.told) == 1
    await it.certificate.close()
    assert it.clock.pending == []


async def test_a_link_that_leads_elsewhere(tmp_path: Path) -> None:
    """Orchestrators exchange a folder of files at once that way."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    authority = Authority(tmp_path / "one")
    authority.gateway()
    Authority(tmp_path / "two", authority.ca).gateway("other.example")
    (tmp_path / "now").symlink_to("one")
    it = Watched(authority, Certificates(tmp_path / "now" / "cert.pem", tmp_path / "now" / "key.pem"))
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(tmp_path / "now")
    await it.look()
    assert it.told == [CertificateChanged(str(tmp_path / "now" / "cert.pem"))]
    await it.certificate.close()


async def test_new_authorities_of_clients_are_taken(tmp_path: Path) -> None:
    """The third file counts like the others, and the old authorities count no more."""
    it = watched(tmp_path)
    trustme.CA(organization_name="Another").cert_pem.write_to_path(tmp_path / "ca.pem")
    await it.look()
    assert len(it.told) == 1
    (trusted,) = it.certificate.context.get_ca_certs()
    assert "Another" in str(trusted["subject"])
    await it.certificate.close()


@pytest.mark.parametrize("name", ["cert.pem", "key.pem", "ca.pem"])
@pytest.mark.parametrize(
    "content", [None, b"", b"no PEM", b"-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n"]
)
async def test_a_bad_file_changes_nothing(name: str, content: bytes | None, tmp_path: Path) -> None:
    """It is said once, with the file, when it is still bad at the second look; a good one is taken after it."""
    it = watched(tmp_path)
    first = it.certificate.context
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    await it.look()
    assert it.told == []
    for _ in range(3):
        await it.look()
    (kept,) = it.told
    assert isinstance(kept, CertificateKept)
    assert str(tmp_path / name) in kept.cause
    assert it.certificate.context is first
    it.authority.gateway("other.example", asks=True)
    await it.look()
    assert isinstance(it.told[-1], CertificateChanged)
    await it.certificate.close()


async def test_a_certificate_that_is_there_before_its_key(tmp_path: Path) -> None:
    """Between two writes nothing is said and nothing changes."""
    it = watched(tmp_path)
    key = (tmp_path / "key.pem").read_bytes()
    it.authority.gateway("other.example", asks=True)
    new = (tmp_path / "key.pem").read_bytes()
    (tmp_path / "key.pem").write_bytes(key)
    await it.look()
    assert it.told == []
    (tmp_path / "key.pem").write_bytes(new)
    await it.look()
    assert [type(event) for event in it.told] == [CertificateChanged]
    await it.certificate.close()


async def test_what_was_bad_and_is_as_before(tmp_path: Path) -> None:
    """It is no change; and what turns bad again is said again."""
    it = watched(tmp_path)
    cert = (tmp_path / "cert.pem").read_bytes()
    for count in (1, 2):
        (tmp_path / "cert.pem").unlink()
        await it.look()
        await it.look()
        assert len(it.told) == count
        (tmp_path / "cert.pem").write_bytes(cert)
        await it.look()
        assert len(it.told) == count
    await it.certificate.close()


async def test_a_close_in_the_middle_of_a_look(tmp_path: Path) -> None:
    """It leaves neither a task nor a timer behind."""
    it = watched(tmp_path)
    it.clock.advance(FILE_POLL)
    await it.certificate.close()
    assert (it.clock.pending, it.told) == ([], [])


async def test_files_that_have_turned_bad_before_the_start(tmp_path: Path) -> None:
    """That ends the start with a line that names the key and the file."""
    authority = Authority(tmp_path)
    files = authority.gateway()
    files.key.unlink()
    with pytest.raises(StartError, match=r"server\.tls\.key: .*key\.pem: No such file"):
        Certificate(files, FakeClock(), lambda _: None)
