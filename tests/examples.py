"""The example configurations, with loopback in place of their hosts and made-up secrets in theirs."""

import re
from collections.abc import Mapping
from pathlib import Path

from proxy.config import load
from proxy.config.settings import Config

FOLDER = Path(__file__).parent.parent / "examples"
SECRETS = "/run/secrets/"

_HOST = re.compile(r'"https?://([a-z.-]+)(?::\d+)?')


def example(name: str, folder: Path, ports: Mapping[str, int], secrets: Mapping[str, str]) -> Config:
    """Return the configuration `examples/NAME.toml`, on a free port and without an admin listener.

    Each host that it names is replaced by its loopback port, `localhost` by another of its ports; KeyError for one
    without. Secrets go by the name of their variable, or of their file, which is written into `folder`.
    """
    text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    local = _HOST.sub(lambda match: f'"http://{at(match[1])}:{ports[match[1]]}', "\n".join(lines))
    for secret, value in secrets.items():
        file = folder / secret
        file.write_text(value, encoding="utf-8")
        file.chmod(0o600)
    file = folder / f"{name}.toml"
    file.write_text(local.replace(SECRETS, f"{folder}/"), encoding="utf-8")
    return load(str(file), {**secrets, "IAM_PROXY_LISTEN": "127.0.0.1:0", "IAM_PROXY_ADMIN_LISTEN": ""})


def at(host: str) -> str:
    """Return where a host is found in a test: development servers listen wherever `localhost` leads."""
    return host if host == "localhost" else "127.0.0.1"
