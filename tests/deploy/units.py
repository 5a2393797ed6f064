"""The units of deploy/systemd, read."""

from pathlib import Path

FOLDER = Path(__file__).parent.parent.parent / "deploy" / "systemd"
SERVICE, SOCKET, CONFIG = FOLDER / "iam-proxy.service", FOLDER / "iam-proxy.socket", FOLDER / "gateway.toml"


def values(unit: Path, key: str) -> list[str]:
    """Return what a unit sets a key to, in order."""
    lines = unit.read_text(encoding="utf-8").splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{key}=")]


def value(unit: Path, key: str) -> str:
    """Return the one value of a key."""
    (found,) = values(unit, key)
    return found
