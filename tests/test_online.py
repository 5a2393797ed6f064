"""`check --online`: what each look says, and what is not tried behind one that failed."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from proxy.config import load
from proxy.online import online
from proxy.report import Flawed, Mark, Report
from proxy.sandbox import Fault, Faults, Sandbox
from tests.fakes.forward import forward_to
from tests.fakes.origin import OK, Arrived, RawOrigin, Script, Visit, raw_origin
from tests.fakes.platform import APIKEY, SECRETKEY, Platform
from tests.fakes.server import serving

pytestmark = pytest.mark.usefixtures("loop_factory")

KEYS = '[credentials.main]\napikey = "demo-key"\nsecretkey = "demo-secret"\n'
FAKE_KEYS = f'[credentials.main]\napikey = "{APIKEY}"\nsecretkey = "{SECRETKEY}"\n'
NAME = "platform.example"


@dataclass
class Said:
    """What a check said, and how it ended."""

    code: int = -1
    lines: list[tuple[str, str]] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)

    def of(self, mark: Mark) -> list[str]:
        """Return the lines of one kind."""
        return [words for each, words in self.lines if each == mark]

    @property
    def marks(self) -> list[str]:
        """The kinds of looks in order, with what came of them."""
        return [f"{words.split()[0]} {mark}" for mark, words in self.lines]


async def checked(folder: Path, text: str, **environ: str) -> Said:
    """Check a configuration online; no line has a secret or a token in it."""
    (folder / "gateway.toml").write_text(text)
    config = load(str(folder / "gateway.toml"), environ)
    said = Said()
    said.code = await online(config, lambda *line: said.lines.append(line), lambda _: None, said.warned.append)
    for secret in ("demo-secret", "demo-key", "hunter2", "Bearer"):
        assert secret not in str(said.lines)
    return said


@contextlib.asynccontextmanager
async def platform(faults: Faults = Faults()) -> AsyncIterator[tuple[Sandbox, str]]:  # noqa: B008  a frozen value
    """Run the bundled platform, and yield it with its URL."""
    sandbox = Sandbox()
    sandbox.faults = faults
    _, port = await sandbox.start("127.0.0.1", 0)
    try:
        yield sandbox, f"http://127.0.0.1:{port}"
    finally:
        await sandbox.close()


def routed(url: str, *lines: str) -> str:
    """Return a route."""
    return "\n".join((f'[[routes]]\nupstream = "{url}"', *lines, ""))


async def test_all_is_well(tmp_path: Path) -> None:
    """A line for the connection, one for the login, one for each route; one login, one request for each route."""
    async with platform() as (sandbox, url):
        text = KEYS + routed(url) + routed(url, 'path = "/qb/query"', 'inject = { query = "token" }')
        said = await checked(tmp_path, text)
        assert said.lines == [
            ("ok", f"tcp {url}: connected"),
            ("ok", f"login main at {url}/iam/login: the keys were traded for a token that lives for 3600 s"),
            ("ok", "route /: GET / gave 200"),
            ("ok", "route /qb/query: GET /qb/query gave 200"),
        ]
        assert (said.code, sandbox.logins, sandbox.requests) == (0, 1, 1)  # it counts those that need a token


async def test_wrong_keys(tmp_path: Path) -> None:
    """Are the login's failure; what needs a token is not tried."""
    async with platform() as (sandbox, url):
        text = KEYS.replace("demo-secret", "hunter2") + routed(url)
        text += routed(url, 'path = "/echo"', 'credential = "none"')
        said = await checked(tmp_path, text)
        words = "The platform refused the gateway's keys (status 401). Put valid keys into the credential."
        assert said.of(Mark.FAILED) == [f"login main at {url}/iam/login: {words}"]
        assert said.of(Mark.NOT_TRIED) == ["route /: there is no token of main"]
        assert (said.code, said.marks[-1]) == (1, "route ok")
        assert sandbox.failed_logins == 1


async def test_a_dead_port(tmp_path: Path) -> None:
    """Neither the login there nor the request is tried; a login elsewhere is."""
    async with serving(RawOrigin().visit) as port:
        pass
    dead = f"http://127.0.0.1:{port}"
    said = await checked(tmp_path, KEYS + routed(dead))
    assert said.marks == ["tcp failed", "login not tried", "route not tried"]
    assert said.of(Mark.NOT_TRIED) == [
        f"login main at {dead}/iam/login: {dead} is not reached",
        f"route /: {dead} is not reached",
    ]
    assert said.of(Mark.FAILED)[0].startswith(f"tcp {dead}: The platform refused the connection (")
    async with platform() as (sandbox, url):
        said = await checked(tmp_path, KEYS + f'login_url = "{url}/iam/login"\n' + routed(dead))
        assert (said.marks, sandbox.logins) == (["tcp failed", "login ok", "route not tried"], 1)


async def test_a_name_without_an_address(tmp_path: Path) -> None:
    """Whose spelling is to be looked at; nothing behind it is tried."""
    said = await checked(tmp_path, KEYS + routed("https://no.such.invalid"))
    assert (said.code, said.marks) == (1, ["dns failed", "tls not tried", "login not tried", "route not tried"])
    assert said.of(Mark.FAILED)[0].startswith("dns no.such.invalid: The platform's name was not found (")
    assert said.of(Mark.FAILED)[0].endswith(
        "See that the name in `upstream` is right, and that this machine resolves names."
    )


def secured(folder: Path, name: str = "localhost") -> ssl.SSLContext:
    """Return what an origin presents until 2031; its authority is in ca.pem."""
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(name, not_after=datetime(2031, 1, 2, tzinfo=UTC)).configure_cert(context)
    ca.cert_pem.write_to_path(folder / "ca.pem")
    return context


async def test_tls(tmp_path: Path) -> None:
    """With a name and a certificate: its addresses, and until when it is valid."""
    async with serving(RawOrigin(Platform().visit).visit, secured(tmp_path)) as port:
        said = await checked(tmp_path, FAKE_KEYS + routed(f"https://localhost:{port}", 'ca_file = "ca.pem"'))
    assert (said.code, said.marks) == (0, ["dns ok", "tls ok", "login ok", "route ok"])
    assert "127.0.0.1" in said.lines[0][1]
    assert f"tls https://localhost:{port}: TLSv1.3, the certificate is valid until 2031-01-02 (" in said.lines[1][1]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "). A private authority belongs in `ca_file`."),
        ('ca_file = "none.pem"', "/none.pem cannot be used: [Errno 2] No such file or directory"),
    ],
)
async def test_wrong_authorities(line: str, words: str, tmp_path: Path) -> None:
    """A certificate that does not verify, or a file that is not there."""
    async with serving(RawOrigin().visit, secured(tmp_path)) as port:
        said = await checked(tmp_path, routed(f"https://localhost:{port}", line))
    assert (said.code, said.marks) == (1, ["dns ok", "tls failed", "route not tried"])
    assert words in said.of(Mark.FAILED)[0]


async def test_without_verification(tmp_path: Path) -> None:
    """That is said instead of a date."""
    async with serving(RawOrigin().visit, secured(tmp_path)) as port:
        said = await checked(tmp_path, routed(f"https://localhost:{port}", "verify = false"))
    assert f"tls https://localhost:{port}: TLSv1.3, the certificate is not verified" in said.of(Mark.OK)


async def test_a_token_that_is_refused(tmp_path: Path) -> None:
    """Right behind its login: that is a failure; a 401 that is not about a token is an answer like any other."""
    async with platform(Faults(unauthorized_always=True)) as (_, url):
        open_to_none = routed(url, 'path = "/qb"', 'credential = "none"')
        said = await checked(tmp_path, KEYS + routed(url, 'path = "/qb/query"') + open_to_none)
    words = "the token was refused although it is new: its keys have no rights here, or `inject` puts it elsewhere"
    assert said.of(Mark.FAILED) == [f"route /qb/query: GET /qb/query gave 401; {words}"]
    assert (said.code, said.lines[-1]) == (1, ("ok", "route /qb: GET /qb gave 401"))


async def test_a_platform_that_fails(tmp_path: Path) -> None:
    """Is said to."""
    async with platform(Faults(api=Fault(status=503))) as (_, url):
        said = await checked(tmp_path, KEYS + routed(url))
    assert said.of(Mark.FAILED) == ["route /: GET / gave 503; the platform fails; its operator knows why"]


def answered(*parts: bytes) -> Script:
    """Return a script that answers a request with these bytes, if there is one, and closes."""

    async def script(visit: Visit) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await visit.request()
            for part in parts:
                await visit.send(part)

    return script


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([b"HTTP/1.1 103 Early Hints\r\n\r\n", OK], "gave 200"),
        ([b"HTTP/1.1 200 OK\r\n\r\nuntil the end"], "gave 200"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + bytes(200_000)], "gave 200"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut"], "gave 200"),
        ([], "The platform closed the connection before it had answered (closed by the origin)."),
        ([b"SSH-2.0-x\r\n\r\n"], "The platform's answer is malformed or ambiguous and was not passed on ("),
        ([b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000], "The platform's answer is malformed or ambiguous"),
    ],
)
async def test_answers(said: list[bytes], words: str, tmp_path: Path) -> None:
    """Only the head has to be there, and no more is read than has to be seen."""
    async with raw_origin(answered(*said)) as origin:
        found = await checked(tmp_path, routed(f"http://127.0.0.1:{origin.port}"))
    assert words in found.lines[-1][1]
    assert found.code == (0 if "gave" in words else 1)


async def test_an_origin_that_keeps_silent(tmp_path: Path) -> None:
    """Costs no more than `timeouts.response`."""

    async def mute(visit: Visit) -> None:
        await visit.reader.read()

    async with raw_origin(mute) as origin:
        text = routed(f"http://127.0.0.1:{origin.port}", 'timeouts = { response = "50ms" }')
        said = await checked(tmp_path, text)
    assert said.of(Mark.FAILED) == ["route /: The platform did not begin its answer in time (no answer within 0.05 s)."]


async def requested(folder: Path, *lines: str) -> tuple[Said, list[Arrived]]:
    """Check a route with these lines; return what was said and what the origin got."""
    async with raw_origin() as origin:
        text = f'[credentials.main]\nkind = "static"\ntoken = "{"t" * 9}"\n'
        said = await checked(folder, text + routed(f"http://127.0.0.1:{origin.port}/base", *lines))
        return said, origin.arrived


@pytest.mark.parametrize(
    ("lines", "asked"),
    [
        ([], b"GET /base/ HTTP/1.1"),
        (['path = "/a"'], b"GET /base/a HTTP/1.1"),
        (['path = "/a"', "strip_prefix = true"], b"GET /base/ HTTP/1.1"),
        (['methods = ["HEAD", "POST"]'], b"HEAD /base/ HTTP/1.1"),
        (['allow = ["/qb", "/x"]'], b"GET /base/qb HTTP/1.1"),
        (['path = "/a"', 'allow = ["/b", "/a/c"]'], b"GET /base/a/c HTTP/1.1"),
        (['inject = { query = "key" }'], b"GET /base/?key=ttttttttt HTTP/1.1"),
    ],
)
async def test_what_is_asked(lines: list[str], asked: bytes, tmp_path: Path) -> None:
    """What a client might send: by the route's own rules, at its own path, with the token in its place."""
    said, (arrived,) = await requested(tmp_path, *lines)
    assert (arrived.line, said.code) == (asked, 0)
    assert arrived.values(b"authorization") == ([] if b"key=" in asked else [b"Bearer ttttttttt"])
    assert "ttttttttt" not in str(said.lines)
    assert said.lines[1] == ("ok", "secret main: it is there, and needs no login")


@pytest.mark.parametrize("line", ['methods = ["POST"]', 'deny = ["/"]', 'path = "/a"\nallow = ["/b"]'])
async def test_nothing_harmful_is_sent(line: str, tmp_path: Path) -> None:
    """A route that lets nothing harmless through is not tried, which is no failure."""
    said, arrived = await requested(tmp_path, line)
    assert (said.code, said.marks[-1], arrived) == (0, "route not tried", [])


async def test_the_shared_store(tmp_path: Path) -> None:
    """Its token serves, and stays; without one the session of the check's own login is ended."""
    async with platform() as (sandbox, url):
        text = KEYS + f'logout_url = "{url}/iam/logout"\n' + routed(url)
        stored = f'{text}[tokens]\nstore = "file:{tmp_path}/tokens.json"\n'
        first, second = [await checked(tmp_path, stored) for _ in range(2)]
        assert "the keys were traded for a token" in first.lines[1][1]
        assert "the shared store has a token" in second.lines[1][1]
        assert (sandbox.logins, first.warned, second.warned) == (1, [], [])
        assert sandbox.revoke_all() == 1
        await checked(tmp_path, text)
        assert (sandbox.logins, sandbox.revoke_all()) == (2, 0)


async def test_by_way_of_a_proxy(tmp_path: Path) -> None:
    """It resolves the name; its own needs no resolving here."""
    origin = RawOrigin(Platform().visit)
    async with serving(origin.visit, secured(tmp_path, NAME)) as port, forward_to(port) as proxy:
        where = f"http://127.0.0.1:{proxy.port}"
        text = FAKE_KEYS + routed(f"https://{NAME}", 'ca_file = "ca.pem"')
        said = await checked(tmp_path, text, https_proxy=where.replace("//", "//me:hunter2@"))
    assert (said.code, said.marks) == (0, ["tls ok", "login ok", "route ok"])
    assert said.lines[0][1].startswith(f"tls https://{NAME} by way of {where}: TLSv1.3")
    assert said.lines[1][1].startswith(f"login main at https://{NAME}/iam/login by way of {where}: ")


async def test_a_proxy_that_is_not_there(tmp_path: Path) -> None:
    """Its fault is not the platform's."""
    text = FAKE_KEYS + routed(f"https://{NAME}", 'egress_proxy = "http://no.such.invalid:3128"')
    said = await checked(tmp_path, text)
    assert said.marks == ["dns failed", "tls not tried", "login not tried", "route not tried"]
    async with serving(RawOrigin().visit) as port:
        pass
    said = await checked(tmp_path, text.replace("no.such.invalid:3128", f"127.0.0.1:{port}"))
    assert said.marks == ["tls failed", "login not tried", "route not tried"]
    assert "The egress proxy on the way to the platform could not be reached (" in said.lines[0][1]


async def test_progress() -> None:
    """A look that takes long is said to be under way, one that does not is not."""
    under_way = asyncio.Event()
    slow: list[str] = []
    lines: list[tuple[str, str]] = []

    def told(what: str) -> None:
        slow.append(what)
        under_way.set()

    async def waits() -> str:
        await under_way.wait()
        return "done"

    async def fails() -> str:
        raise Flawed("what to do")

    report = Report(lambda *line: lines.append(line), told, patience=0.0)
    assert await report.look("dns x", waits())
    assert not await report.look("dns y", fails())
    assert (slow, lines) == (["dns x"], [("ok", "dns x: done"), ("failed", "dns y: what to do")])
    assert report.failed
