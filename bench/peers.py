"""Who is measured, and how each is configured: the same origin, the same token, one thread, nothing to the disk."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import shipped

HERE = Path(__file__).parent
INSTALLED = HERE.parent / ".bench"
CONFIGS = HERE / "configs"
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
HAPROXY = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin") or "haproxy"
ENVOY = str(next(INSTALLED.glob("lib/*/site-packages/envoy/_bin/envoy"), INSTALLED / "envoy"))
MITMDUMP, GO = str(INSTALLED / "bin" / "mitmdump"), str(INSTALLED / "go-proxy")


class Place(NamedTuple):
    """Where one proxy runs: a folder of its own, its port and another for its admin, the origin, the access log."""

    folder: Path
    port: int
    admin: int
    origin: int
    login: int
    ca: Path | None = None  # with it the origin speaks TLS
    logged: bool = False

    @property
    def scheme(self) -> str:
        """How the origin speaks."""
        return "https" if self.ca else "http"

    @property
    def url(self) -> str:
        """The origin's base URL."""
        return f"{self.scheme}://127.0.0.1:{self.origin}"

    @property
    def authority(self) -> str:
        """The file of the origin's authority, or nothing."""
        return str(self.ca or "")


@dataclass(frozen=True)
class Peer:
    """A proxy: its command for a place, and what tells its version."""

    name: str
    command: Callable[[Place], list[str]]
    needs: str  # a program, or a path
    version: tuple[str, ...]
    logs: bool = False  # takes part in the case with an access log

    def missing(self) -> str | None:
        """Return why it cannot be started, if so."""
        there = shutil.which(self.needs) or Path(self.needs).is_dir()
        return None if there else f"{Path(self.needs).name} is not installed"

    def told(self) -> str:
        """Return the version that it tells."""
        said = subprocess.run(self.version, check=False, capture_output=True, text=True, timeout=30)
        found = re.search(r"\d+\.\d+\.\d+", said.stdout + said.stderr)
        return found[0] if found else "?"


def rendered(template: Path, marks: set[str], **values: object) -> str:
    """Fill a template: `@name@` is a value, and a line behind `?mark ` stands only where the mark is one of those."""
    lines = []
    for line in template.read_text().splitlines():
        marked = re.match(r"\?(\w+) ", line)
        if marked is None or marked[1] in marks:
            lines.append(line[marked.end() :] if marked else line)
    return re.sub(r"@(\w+)@", lambda found: str(values[found[1]]), "\n".join(lines)) + "\n"


def configured(name: str, place: Place, *more: str) -> str:
    """Write a proxy's configuration into its folder, and return the file's path."""
    marks = {"tls" if place.ca else "plain", "logged" if place.logged else "quiet", *more}
    file = place.folder / name
    file.write_text(rendered(CONFIGS / name, marks, scheme=place.scheme, **place._asdict()))
    return str(file)


def nginx(place: Place, *marks: str) -> list[str]:
    """One worker."""
    return [NGINX, "-c", configured("nginx.conf", place, *marks), "-e", str(place.folder / "error.log")]


def haproxy(place: Place) -> list[str]:
    """One thread."""
    return [HAPROXY, "-f", configured("haproxy.cfg", place)]


def envoy(place: Place) -> list[str]:
    """One worker thread beside its main thread."""
    quiet = ["--log-level", "warn", "--disable-hot-restart"]
    return [ENVOY, "-c", configured("envoy.yaml", place), "--concurrency", "1", *quiet]


def go(place: Place) -> list[str]:
    """httputil.ReverseProxy with a large idle pool."""
    return ["env", "GOMAXPROCS=1", GO, f"127.0.0.1:{place.port}", place.url, place.authority]


def caddy(place: Place) -> list[str]:
    """Its reverse_proxy, without automatic certificates."""
    home = [f"HOME={place.folder}", f"XDG_CONFIG_HOME={place.folder}", f"XDG_DATA_HOME={place.folder}"]
    file = configured("Caddyfile", place)
    return ["env", "GOMAXPROCS=1", *home, "caddy", "run", "--adapter", "caddyfile", "--config", file]


def node(place: Place) -> list[str]:
    """http-proxy with an agent that keeps connections."""
    return ["node", str(HERE / "node" / "proxy.mjs"), str(place.port), place.url, place.authority]


def aiohttp(place: Place) -> list[str]:
    """What one writes first, on the gateway's Python."""
    return [str(shipped.PYTHON), str(HERE / "aiohttp_proxy.py"), str(place.port), place.url, place.authority]


def mitmproxy(place: Place) -> list[str]:
    """Reverse mode; bodies stream, and X-Forwarded-For is a constant, for want of an option that knows the client."""
    options = {
        "confdir": place.folder,
        "stream_large_bodies": "64k",
        "connection_strategy": "lazy",
        "ssl_verify_upstream_trusted_ca": place.authority,
    }
    fields = ("/~q/Authorization/Bearer bench0123", "/~q/X-Forwarded-For/127.0.0.1")
    sets = [f"{name}={value}" for name, value in options.items() if value] + [
        f"modify_headers={each}" for each in fields
    ]
    where = ["--mode", f"reverse:{place.url}", "--listen-host", "127.0.0.1", "-p", str(place.port)]
    return [MITMDUMP, "-q", *where, *(word for each in sets for word in ("--set", each))]


def gateway(place: Place) -> list[str]:
    """This project, with all features on."""
    return [*shipped.program(), "run", "--config", configured("gateway.toml", place)]


def on_venv(place: Place) -> list[str]:
    """The same on the Python that measures."""
    return [sys.executable, "-m", "proxy", "run", "--config", configured("gateway.toml", place)]


OURS = Peer("iam-proxy", gateway, str(shipped.PROGRAM), (str(shipped.PROGRAM), "--version"), logs=True)
ON_VENV = replace(OURS, name="iam-proxy, Python of .venv", command=on_venv, needs=sys.executable)
PEERS = (
    Peer("nginx", nginx, NGINX, (NGINX, "-v"), logs=True),
    Peer("HAProxy", haproxy, HAPROXY, (HAPROXY, "-v"), logs=True),
    OURS,
    Peer("Envoy", envoy, ENVOY, (ENVOY, "--version"), logs=True),
    Peer("Go ReverseProxy", go, GO, ("go", "version")),
    Peer("Caddy", caddy, "caddy", ("caddy", "version"), logs=True),
    Peer("Node http-proxy", node, str(HERE / "node" / "node_modules" / "http-proxy"), ("node", "--version")),
    Peer(
        "aiohttp + ClientSession",
        aiohttp,
        str(shipped.PYTHON),
        (str(shipped.PYTHON), "-c", "import aiohttp as a; print(a.__version__)"),
    ),
    Peer("mitmproxy", mitmproxy, MITMDUMP, (MITMDUMP, "--version")),
)
# As nginx is installed its buffers have 4 KB, which is what most run; large bodies are measured with larger ones too.
WIDE = replace(PEERS[0], name="nginx, 64 KB buffers", command=lambda place: nginx(place, "wide"))
QUICK = ("nginx", "iam-proxy", "Envoy", "Go ReverseProxy")
