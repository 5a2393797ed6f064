"""The commands, as processes: what they print, and how they end."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from proxy import __version__
from tests.fakes.process import Program, clean_environment, program

PLATFORM = re.compile(r"http://(127\.0\.0\.1:\d+)")


def ran(*words: str, folder: Path, **environ: str) -> tuple[int, str, str]:
    """Run a command to its end; return exit code, output and error output."""
    done = subprocess.run(  # noqa: S603  our own program
        [sys.executable, "-m", "proxy", *words],
        cwd=folder,
        env=clean_environment(**environ),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


async def get(url: str) -> tuple[int, str]:
    """Return status and text of a GET."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def address_of(sandbox: Program) -> str:
    """Return where a platform listens."""
    found = PLATFORM.search(await sandbox.line("listens on"))
    assert found
    return found[1]


def keys(platform: str, secret: str = "demo-secret") -> dict[str, str]:
    """Return an environment for a platform, with free ports."""
    return {
        "IAM_PROXY_UPSTREAM": f"http://{platform}",
        "IAM_PROXY_APIKEY": "demo-key",
        "IAM_PROXY_SECRETKEY": secret,
        "IAM_PROXY_LISTEN": "127.0.0.1:0",
        "IAM_PROXY_ADMIN_LISTEN": "127.0.0.1:0",
    }


async def test_run_in_front_of_the_sandbox(tmp_path: Path) -> None:
    """Two processes: a request without keys is answered; SIGTERM drains and ends with 0."""
    async with program("sandbox", "--listen", "127.0.0.1:0", folder=tmp_path) as sandbox:
        platform = await address_of(sandbox)
        async with program("run", folder=tmp_path, **keys(platform)) as gateway:
            where = (await gateway.event("listening"))["address"]
            admin = (await gateway.event("admin listening"))["address"]
            assert (await get(f"http://{where}/qb/query?token=mine"))[0] == 200
            assert (await get(f"http://{where}/iam/login"))[0] == 403
            assert (await get(f"http://{admin}/readyz"))[0] == 200
            line = await gateway.event("request", status=200)
            assert (line["target"], line["credential"]) == ("/qb/query?token=****", "default")
            code, printed, _ = ran("token", folder=tmp_path, **keys(platform))
            assert (code, (await get(f"http://{platform}/qb/query?token={printed.strip()}"))[0]) == (0, 200)
            environ = {**keys(platform), "IAM_PROXY_ADMIN_LISTEN": admin}
            code, printed, _ = ran("check", "--health", folder=tmp_path, **environ)
            assert (code, json.loads(printed)) == (0, {"ready": True})
            gateway.signal(signal.SIGTERM)
            assert await gateway.ended() == 0


async def test_wrong_keys(tmp_path: Path) -> None:
    """`token` says whose fault it is and ends with 1; `run` serves on and says it to each client; not ready."""
    async with program("sandbox", "--listen", "127.0.0.1:0", folder=tmp_path) as sandbox:
        environ = keys(await address_of(sandbox), secret="hunter2-hunter2")
        code, printed, said = ran("token", folder=tmp_path, **environ)
        assert (code, printed) == (1, "")
        assert "refused the gateway's keys" in said
        async with program("run", folder=tmp_path, **environ) as gateway:
            where = (await gateway.event("listening"))["address"]
            admin = (await gateway.event("admin listening"))["address"]
            status, text = await get(f"http://{where}/qb/query")
            assert (status, json.loads(text)["code"]) == (502, "login_rejected")
            environ = {**environ, "IAM_PROXY_ADMIN_LISTEN": admin}
            assert ran("check", "--health", folder=tmp_path, **environ)[0] == 1
            gateway.signal(signal.SIGINT)
            assert await gateway.ended() == 0
        assert "hunter2" not in said


@pytest.mark.parametrize(
    ("keys_of_kind", "printed"),
    [
        ('kind = "static"\ntoken = { file = "secret" }', "t0ken"),
        ('kind = "basic"\nusername = "me"\npassword = { env = "PASSWORD" }', "bWU6czNjcmV0"),
    ],
)
async def test_what_is_held(keys_of_kind: str, printed: str, tmp_path: Path) -> None:
    """`token` prints what would be injected; `run` is ready with it, and says nothing of it."""
    (tmp_path / "secret").write_text("t0ken\n")
    (tmp_path / "secret").chmod(0o600)
    text = f'[credentials.c]\n{keys_of_kind}\n[[routes]]\nupstream = "http://127.0.0.1:9"\n'
    (tmp_path / "iam-proxy.toml").write_text(text)
    assert ran("token", folder=tmp_path, PASSWORD="s3cret") == (0, f"{printed}\n", "")
    listen = {"IAM_PROXY_LISTEN": "127.0.0.1:0", "IAM_PROXY_ADMIN_LISTEN": "127.0.0.1:0"}
    async with program("run", folder=tmp_path, PASSWORD="s3cret", **listen) as gateway:
        where = (await gateway.event("admin listening"))["address"]
        fact = await gateway.event("login succeeded")
        assert (fact["lifetime_s"], printed in json.dumps(fact)) == (None, False)
        assert (await get(f"http://{where}/readyz"))[0] == 200
        gateway.signal(signal.SIGTERM)
        assert await gateway.ended() == 0


async def test_token_of_a_login_of_ones_own(tmp_path: Path) -> None:
    """A recipe for the bundled platform's login, in a form, gives a token that the platform takes."""
    async with program("sandbox", "--listen", "127.0.0.1:0", folder=tmp_path) as sandbox:
        platform = await address_of(sandbox)
        (tmp_path / "iam-proxy.toml").write_text(
            f'[credentials.c]\nkind = "recipe"\ntoken = {{ json = "token" }}\n'
            f'[credentials.c.login]\nurl = "http://{platform}/iam/login"\n'
            'form = { auth_mode = "apikey", apikey = "demo-key", secretkey = { env = "PASSWORD" } }\n'
            f'[[routes]]\nupstream = "http://{platform}"\n'
        )
        code, printed, _ = ran("token", folder=tmp_path, PASSWORD="demo-secret")
        assert (code, (await get(f"http://{platform}/qb/query?token={printed.strip()}"))[0]) == (0, 200)
        code, printed, said = ran("token", folder=tmp_path, PASSWORD="hunter2")
        assert (code, printed, "refused" in said, "hunter2" in said) == (1, "", True, False)


async def test_a_second_signal_cuts(tmp_path: Path) -> None:
    """The first drains; the second does not wait for what hangs; the exit code is 0 all the same."""
    async with program("sandbox", "--listen", "127.0.0.1:0", folder=tmp_path) as sandbox:
        platform = await address_of(sandbox)
        async with program("run", folder=tmp_path, **keys(platform)) as gateway:
            where = (await gateway.event("listening"))["address"]
            hanging = asyncio.create_task(get(f"http://{where}/events?interval=3600000"))
            await gateway.event("login succeeded")
            while json.loads((await get(f"http://{platform}/_sandbox/state"))[1])["requests"] == 0:  # noqa: ASYNC110  another process
                await asyncio.sleep(0)
            gateway.signal(signal.SIGTERM)
            await gateway.event("draining")
            gateway.signal(signal.SIGTERM)
            assert await gateway.ended() == 0
            with pytest.raises(aiohttp.ClientError):
                await hanging


async def test_the_demo(tmp_path: Path) -> None:
    """Its first curl line works as it stands; a free port, said aloud, where one is taken; the inspector is there."""
    async with program("demo", folder=tmp_path) as demo, program("demo", folder=tmp_path) as second:
        for each in (demo, second):
            found = PLATFORM.search(await each.line("curl http"))
            assert found
            status, text = await get(f"http://{found[1]}/qb/query")
            assert (status, json.loads(text)["success"]) == (200, True)
            page = (await each.line("shown live at")).split()[-1]
            assert "<title>iam-proxy inspector</title>" in (await get(page))[1]
        await demo.event("login succeeded")
        demo.signal(signal.SIGINT)
        assert await demo.ended() == 0


async def test_a_taken_port_is_said(tmp_path: Path) -> None:
    """`run` ends with 1 and one line: the address, the reason, what to do."""
    async with program("sandbox", "--listen", "127.0.0.1:0", folder=tmp_path) as sandbox:
        platform = await address_of(sandbox)
        code, _, said = ran("run", "--listen", platform, folder=tmp_path, **keys(platform))
        assert code == 1
        assert f"cannot listen on {platform}" in said
        code, _, said = ran("sandbox", "--listen", platform, folder=tmp_path)
        assert (code, f"cannot listen on {platform}" in said) == (1, True)


def test_check(tmp_path: Path) -> None:
    """0 and one line for a good configuration; 2 and a line for each mistake for a bad one."""
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text('[[routes]]\nupstream = "https://x"\n')
    bad.write_text('[server]\nlisten = 1\n[[routes]]\nupstream = "x"\n')
    assert ran("check", "--config", str(good), folder=tmp_path) == (
        0,
        f"{good}: 1 route, 0 credentials, no mistakes\n",
        "",
    )
    code, printed, said = ran("check", "--config", str(bad), folder=tmp_path)
    assert (code, printed, len(said.splitlines())) == (2, "", 2)
    for command in ("run", "token"):
        assert ran(command, "--config", str(bad), folder=tmp_path)[0] == 2


async def test_check_online(tmp_path: Path) -> None:
    """Plain lines where nobody watches; 0 if all is well, 1 if a look has failed, 2 before any look."""
    async with program("sandbox", "--listen", "127.0.0.1:0", folder=tmp_path) as sandbox:
        platform = await address_of(sandbox)
        code, printed, said = ran("check", "--online", folder=tmp_path, **keys(platform))
        assert (code, said) == (0, "")
        traded = "the keys were traded for a token that lives for 3600 s"
        assert printed.splitlines()[1:] == [
            f"ok        tcp http://{platform}: connected",
            f"ok        login default at http://{platform}/iam/login: {traded}",
            "ok        route /: GET / gave 200",
        ]
        wrong = {**keys(platform), "IAM_PROXY_SECRETKEY": "hunter2"}
        code, printed, said = ran("check", "--online", folder=tmp_path, **wrong)
        assert (code, "\nfailed    login default" in printed, "hunter2" in printed + said) == (1, True, False)
        assert "not tried route /: there is no token of default" in printed
        assert ran("check", "--online", folder=tmp_path, IAM_PROXY_UPSTREAM="x")[0] == 2


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["check", "--health"], 1, "no answer from the gateway"),
        (["token", "nobody"], 1, "no credential 'nobody'"),
        (["sandbox", "--ttl", "soon"], 2, "is not a duration"),
        (["sandbox", "--listen", "nowhere"], 2, "is not an address"),
        (["serve"], 2, "No such command"),
        (["run", "--bogus"], 2, "No such option"),
    ],
)
def test_what_can_be_got_wrong_on_the_command_line(words: list[str], code: int, part: str, tmp_path: Path) -> None:
    """One clear line and the documented exit code."""
    environ = {**keys("127.0.0.1:9"), "IAM_PROXY_ADMIN_LISTEN": "127.0.0.1:9"}
    ended, _, said = ran(*words, folder=tmp_path, **environ)
    assert ended == code
    assert part in said


def test_version_and_help(tmp_path: Path) -> None:
    """Each command's help ends with examples."""
    assert ran("--version", folder=tmp_path)[1] == f"iam-proxy, version {__version__}\n"
    listed = ran("--help", folder=tmp_path)[1]
    for command in ("run", "check", "token", "sandbox", "demo"):
        assert f"\n  {command} " in listed
        assert f"Examples:\n  iam-proxy {command}" in ran(command, "--help", folder=tmp_path)[1]
