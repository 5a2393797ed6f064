"""`server.tls` in a configuration: what it becomes, and what is said of files that are not what they are to be."""

import ssl
import subprocess
from pathlib import Path

import pytest
import trustme

from proxy.config import load
from proxy.config.settings import Config
from proxy.errors import ConfigError
from tests.config.test_mistakes import GOOD, mistakes
from tests.fakes.authority import Authority

TLS = GOOD + '[server]\ntls = { cert = "cert.pem", key = "key.pem", client_ca = "ca.pem" }\n'


def loaded(tmp_path: Path, text: str, **environ: str) -> Config:
    """Return the configuration of a file beside the certificates."""
    file = tmp_path / "gateway.toml"
    file.write_text(text)
    return load(str(file), environ)


def test_files_beside_the_configuration(tmp_path: Path) -> None:
    """Paths count from the configuration's folder; client certificates are asked for where their authority is given."""
    files = Authority(tmp_path).gateway(asks=True)
    assert loaded(tmp_path, TLS).server.tls == files
    assert loaded(tmp_path, TLS).warnings == ()
    assert files.context().verify_mode == ssl.CERT_REQUIRED
    without = loaded(tmp_path, TLS.replace(', client_ca = "ca.pem"', "")).server.tls
    assert without is not None
    assert without.context().verify_mode == ssl.CERT_NONE


def test_files_from_the_environment(tmp_path: Path) -> None:
    """Each key has its variable, which a mistake names."""
    files = Authority(tmp_path).gateway()
    environ = {"IAM_PROXY__SERVER__TLS__CERT": str(files.cert), "IAM_PROXY__SERVER__TLS__KEY": str(files.key)}
    assert loaded(tmp_path, GOOD, **environ).server.tls == files
    files.key.unlink()
    said = mistakes(tmp_path, GOOD, **environ)
    assert said == [
        "IAM_PROXY__SERVER__TLS__KEY: server.tls.key: names a file that is not there; a relative path begins at DIR"
    ]


def test_what_is_spoken(tmp_path: Path) -> None:
    """TLS 1.2 and 1.3, forward secrecy alone, no renegotiation."""
    context = Authority(tmp_path).gateway().context()
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION
    for cipher in context.get_ciphers():
        assert cipher["kea"] in {"kx-ecdhe", "kx-dhe", "kx-any"}
        assert "RC4" not in cipher["name"]


def test_every_bad_file_is_said_at_once(tmp_path: Path) -> None:
    """Each at its line."""
    assert mistakes(tmp_path, TLS) == [
        f"F:8: server.tls.{key}: names a file that is not there; a relative path begins at DIR"
        for key in ("cert", "key", "client_ca")
    ]


DAMAGED = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
DAMAGED_KEY = b"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("cert.pem", b"\x30\x82", "cert: DIR/cert.pem holds no certificate in PEM"),
        ("cert.pem", DAMAGED, "cert: DIR/cert.pem with DIR/key.pem cannot be loaded; its PEM is damaged"),
        ("key.pem", DAMAGED, "key: DIR/key.pem holds no private key in PEM"),
        ("key.pem", DAMAGED_KEY, "cert: DIR/cert.pem with DIR/key.pem cannot be loaded; its PEM is damaged"),
        ("key.pem", None, "key: DIR/key.pem does not belong to the certificate in DIR/cert.pem"),
        ("ca.pem", DAMAGED_KEY, "client_ca: DIR/ca.pem holds no certificate in PEM"),
        ("ca.pem", DAMAGED, "client_ca: DIR/ca.pem cannot be loaded; its PEM is damaged"),
    ],
)
def test_files_that_are_not_what_they_are_to_be(file: str, content: bytes | None, said: str, tmp_path: Path) -> None:
    """The line names the file and what is wrong with it."""
    Authority(tmp_path).gateway(asks=True)
    other = trustme.CA().issue_cert("other.example").private_key_pem.bytes()
    (tmp_path / file).write_bytes(other if content is None else content)
    assert mistakes(tmp_path, TLS) == [f"F:8: server.tls.{said}"]


@pytest.mark.parametrize("form", ["pkey", "ec"])
def test_a_key_with_a_password(form: str, tmp_path: Path) -> None:
    """Nobody is asked for it, in either form of such files: the gateway would wait at a terminal for ever."""
    key = Authority(tmp_path).gateway(asks=True).key
    words = ("openssl", form, "-in", str(key), "-aes128", "-passout", "pass:hunter2")
    key.write_bytes(subprocess.run(words, capture_output=True, check=True).stdout)  # noqa: S603  words of our own
    assert b"ENCRYPTED" in key.read_bytes()
    assert mistakes(tmp_path, TLS) == [
        "F:8: server.tls.key: DIR/key.pem is encrypted, and nobody is there to type its password"
    ]


def test_a_key_that_others_can_read(tmp_path: Path) -> None:
    """It is warned about, as for any secret."""
    key = Authority(tmp_path).gateway(asks=True).key
    key.chmod(0o644)
    assert loaded(tmp_path, TLS).warnings == (f"server.tls.key: {key} can be read by others; chmod 600 it",)


def test_unix_sockets_alone(tmp_path: Path) -> None:
    """They stay plain, so a certificate would be of no use; beside an address it is."""
    Authority(tmp_path).gateway(asks=True)
    unix = TLS + 'listen = "unix:/run/gateway.sock"\n'
    assert mistakes(tmp_path, unix) == [
        "F:8: server.tls: is of no use: a Unix socket, the only one in server.listen, stays plain"
    ]
    both = TLS + 'listen = ["unix:/run/gateway.sock", "127.0.0.1:0"]\n'
    assert loaded(tmp_path, both).server.tls is not None


def test_a_certificate_opens_no_door(tmp_path: Path) -> None:
    """Listening beyond loopback needs an `allow` all the same (interface.md: a further condition, no substitute)."""
    Authority(tmp_path).gateway(asks=True)
    file = tmp_path / "gateway.toml"
    file.write_text(TLS + 'listen = "0.0.0.0:0"\n')
    with pytest.raises(ConfigError, match=r"access\.allow"):
        load(str(file), {})
