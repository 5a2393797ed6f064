"""The units for systemd: as systemd itself reads them, and by what they refer to."""

import subprocess
import sys
from pathlib import Path

from proxy.config import load
from proxy.config.units import duration
from tests.deploy.units import CONFIG, SERVICE, SOCKET, value, values

# systemd-analyze's exposure, 0 to 10, in tenths: 2.0 and less is what is asked for.
EXPOSURE = 20
PROGRAM = "/opt/iam-proxy/bin/iam-proxy"


def analyzed(*words: str) -> tuple[int, str]:
    """Ask systemd-analyze; return its exit code and what it says."""
    command = ["systemd-analyze", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)  # noqa: S603  our own words
    return done.returncode, done.stdout + done.stderr


def installed(folder: Path) -> list[str]:
    """Write the units down as for a machine where the program is the one of these tests; return their paths."""
    program = Path(sys.executable).parent / "iam-proxy"
    for unit in (SERVICE, SOCKET):
        (folder / unit.name).write_text(
            unit.read_text(encoding="utf-8").replace(PROGRAM, str(program)), encoding="utf-8"
        )
    return [str(folder / unit.name) for unit in (SERVICE, SOCKET)]


def test_systemd_takes_them(tmp_path: Path) -> None:
    """No key is unknown or in the wrong section, no value is malformed, every program is there."""
    assert analyzed("verify", "--man=no", *installed(tmp_path)) == (0, "")


def test_a_mistake_would_be_noticed(tmp_path: Path) -> None:
    """`verify` says what it does not know."""
    service, _ = installed(tmp_path)
    Path(service).write_text(Path(service).read_text(encoding="utf-8").replace("PrivateTmp", "PrivateTemp"), "utf-8")
    assert "PrivateTemp" in analyzed("verify", "--man=no", service)[1]


def test_what_is_left_open() -> None:
    """An exposure of at most 2.0: it has to speak IP and Unix sockets, and cannot be kept from the network."""
    code, said = analyzed("security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE}", str(SERVICE))
    assert code == 0, said
    assert analyzed("security", "--offline=true", "--no-pager", "--threshold=1", str(SERVICE))[0] != 0


def test_the_configuration(tmp_path: Path) -> None:
    """It reads the keys that the unit hands over, and listens where the socket unit does."""
    folder = f"/run/credentials/{SERVICE.name}"
    handed = {credential.partition(":")[0] for credential in values(SERVICE, "LoadCredential")}
    text = CONFIG.read_text(encoding="utf-8")
    for name in handed:
        assert text.count(f'{{ file = "{folder}/{name}" }}') == 1
        (tmp_path / name).write_text("some-secret", encoding="utf-8")
        (tmp_path / name).chmod(0o400)
    assert text.count("file = ") == len(handed) == 2
    (tmp_path / "iam-proxy.toml").write_text(text.replace(folder, str(tmp_path)), encoding="utf-8")
    settings = load(str(tmp_path / "iam-proxy.toml"), {})
    assert settings.warnings == ()
    assert [str(address) for address in settings.server.listen] == [value(SOCKET, "ListenStream")]
    assert f'"file:/var/lib/{value(SERVICE, "StateDirectory")}/' in text
    assert duration(value(SERVICE, "TimeoutStopSec")) >= settings.server.drain_timeout + 5
    assert value(SERVICE, "ExecStart").split() == [PROGRAM, "run", "--config", "/etc/iam-proxy/iam-proxy.toml"]


def test_life_and_death() -> None:
    """It is told when the gateway serves, reloads by SIGHUP, and does not try a wrong configuration again and again."""
    assert (value(SERVICE, "Type"), value(SERVICE, "NotifyAccess")) == ("notify", "main")
    assert value(SERVICE, "ExecReload") == "/bin/kill -HUP $MAINPID"
    assert (value(SERVICE, "Restart"), value(SERVICE, "RestartPreventExitStatus")) == ("on-failure", "2")
    assert duration(value(SERVICE, "WatchdogSec")) == 30
