"""The stage of a canary run: a configuration with every kind of credential and route, and a gateway with defects."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.canary.marks import SECRETS, toml
from tests.canary.platform import HANGING, MOODS
from tests.fakes.process import clean_environment

# Secrets that the configuration finds in the environment.
ENVIRONMENT = {f"CANARY_{name.upper()}": SECRETS[name] for name in ("apikey", "body", "header", "password")}
KINDS = ("apikey", "oauth2", "recipe", "cookie", "static", "basic")

# What may befall any program: exceptions whose texts quote what was at hand, at every place that may raise one.
DEFECTS = """
import asyncio, os
from proxy import cli, commands
from proxy.core.login_recipe import LoginRecipe
from proxy.way import Way

head, read = Way.head, LoginRecipe.read

async def lost(words):
    raise RuntimeError(words)

def called(words):
    raise RuntimeError(words)

def broken_head(way, client, request, token, *more, **named):
    words = f"{'' if token is None else token.value} {request.target} {request.lines}"
    if b"/defect" in request.target:
        raise KeyError(words)
    if b"/task" in request.target:
        asyncio.get_running_loop().create_task(lost(words))
    if b"/callback" in request.target:
        asyncio.get_running_loop().call_soon(called, words)
    return head(way, client, request, token, *more, **named)

def broken_read(recipe, answer, now):
    if recipe.url.endswith("/defect"):
        raise ValueError(answer.body)
    return read(recipe, answer, now)

def broken_load(path, environ):
    raise LookupError(open(path).read())

Way.head, LoginRecipe.read = broken_head, broken_read
if os.environ.get("CANARY_DEFECT") == "load":
    commands.load = broken_load
cli.main()
"""

CONFIG = """
[server]
listen = "127.0.0.1:0"
drain_timeout = "2s"
[admin]
listen = "127.0.0.1:0"
[access]
allow = ["127.0.0.1/32"]
cors_origins = ["https://app.example"]
client_keys = {{ cron = {client_key}, ops = {{ file = "client.key" }} }}
[limits]
max_header_size = "8KiB"
max_body_size = "64KiB"
replay_buffer = "1KiB"
replay_spool = "16KiB"
max_in_flight = 3
[timeouts]
connect = "1s"
response = "1s"
[tokens]
store = {store}
[log]
level = "debug"
format = "{log}"

[credentials.apikey]
login_url = "{platform}/login/apikey/good"
apikey = {{ env = "CANARY_APIKEY" }}
secretkey = {{ file = "secret.key" }}
app_id = "app"
logout_url = "{platform}/login/apikey/logout"
[credentials.oauth2]
kind = "oauth2"
token_url = "{platform}/login/oauth2/good"
client_id = "the-client"
client_secret = {client_secret}
params = {{ assertion = {{ env = "CANARY_BODY" }} }}
inject = {{ query = "session_id" }}
[credentials.recipe]
kind = "recipe"
token = {{ header = "X-Token" }}
inject = {{ header = "X-Key", template = "key={{token}};" }}
[credentials.recipe.login]
url = "{platform}/login/recipe/good"
json = {{ deep = [{{ command = ["cat", {body_file}] }}] }}
headers = {{ X-Secret = {{ env = "CANARY_HEADER" }} }}
basic = {{ username = "user", password = {password} }}
[credentials.cookie]
kind = "recipe"
token = {{ cookie = "SID" }}
inject = {{ cookie = "SID" }}
login = {{ url = "{platform}/login/cookie/good", form = {{ password = {{ env = "CANARY_PASSWORD" }} }} }}
[credentials.static]
kind = "static"
token = {static}
inject = {{ header = "X-Auth" }}
[credentials.basic]
kind = "basic"
username = "user"
password = {basic}
[credentials.defect]
kind = "recipe"
token = {{ json = "token" }}
login = {{ url = "{platform}/login/recipe/defect", body = {body} }}

[[routes]]
path = "/defective"
upstream = "{platform}"
credential = "defect"
[[routes]]
path = "/none"
upstream = "{platform}"
credential = "none"
methods = ["GET", "POST"]
[[routes]]
path = "/kept"
upstream = "{platform}"
credential = "apikey"
client_authorization = "reject"
[[routes]]
path = "/refused"
upstream = "http://127.0.0.1:1"
credential = "apikey"
[[routes]]
path = "/full"
upstream = "http://127.0.0.1:{full}"
credential = "apikey"
[[routes]]
path = "/tls"
upstream = "https://localhost:{tls}"
credential = "apikey"
[[routes]]
path = "/dns"
upstream = "https://nowhere.invalid"
credential = "apikey"
"""

# For each kind of credential: as it is, and looked through.
ROUTES = """
[[routes]]
path = "/{name}"
upstream = "{platform}"
credential = "{name}"
strip_prefix = true
[[routes]]
path = "/scrub/{name}"
upstream = "{platform}"
credential = "{name}"
scrub = true
"""

# For each way that logins fail.
FAILING = """
[credentials.{mood}]
login_url = "{platform}/login/apikey/{mood}"
apikey = {refused}
secretkey = {body}
login_timeout = "{patience}"
[[routes]]
path = "/mood/{mood}"
upstream = "{platform}"
credential = "{mood}"
"""


def configuration(folder: Path, *, log: str, store: str, port: int, full: int, tls: int) -> Path:
    """Write the configuration and its files; at `full` nobody is accepted, at `tls` nobody is to be trusted."""
    platform = f"http://127.0.0.1:{port}"
    values = {"platform": platform, "full": full, "tls": tls, "log": log, "store": toml(store)}
    values["body_file"] = toml(str(folder / "body.key"))
    values |= {name: toml(secret) for name, secret in SECRETS.items()}
    parts = [CONFIG.format(**values)]
    parts += [ROUTES.format(name=name, **values) for name in KINDS]
    parts += [FAILING.format(mood=mood, patience="1s", **values) for mood in MOODS]
    parts.append(FAILING.format(mood=HANGING, patience="60s", **values))
    for name, secret in (("secret", "secretkey"), ("client", "file_key"), ("body", "body")):
        file = folder / f"{name}.key"
        file.write_text(SECRETS[secret] + "\n")
        file.chmod(0o600)
    (folder / "gateway.toml").write_text("".join(parts))
    return folder / "gateway.toml"


@dataclass
class Process:
    """A running `iam-proxy`; `said` is all that it has written so far, on either of its streams."""

    process: asyncio.subprocess.Process
    said: bytearray = field(default_factory=bytearray)
    printed: bytearray = field(default_factory=bytearray)
    more: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, words: bytes) -> None:
        """Wait until something has been said."""
        while words not in self.said:
            self.more.clear()
            assert not self.over, self.said.decode()
            await self.more.wait()

    @property
    def over(self) -> bool:
        """Whether it will say no more."""
        return self.process.stderr is not None and self.process.stderr.at_eof()

    async def take(self, stream: asyncio.StreamReader | None, into: bytearray) -> None:
        """Take what a stream brings, to its end."""
        assert stream is not None
        while data := await stream.read(65536):
            into += data
            self.more.set()
        self.more.set()


@contextlib.asynccontextmanager
async def defective(*words: str, folder: Path, **environ: str) -> AsyncIterator[Process]:
    """Start an `iam-proxy` with the defects in a folder, with its temporary files in it, and see it ended."""
    (folder / "tmp").mkdir(exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DEFECTS, *words,
        cwd=folder,
        env=clean_environment(TMPDIR=str(folder / "tmp"), **ENVIRONMENT, **environ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    running = Process(process)
    async with asyncio.TaskGroup() as streams:
        streams.create_task(running.take(process.stdout, running.printed))
        streams.create_task(running.take(process.stderr, running.said))
        try:
            yield running
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
