"""docs/scaling.md: its numbers by the constants and the calls that they come from, its examples as they are printed."""

import asyncio
import itertools
import re
import tomllib
from pathlib import Path
from random import Random

import pytest
from redis.asyncio import Redis

from proxy.config import load
from proxy.core.backoff import BUDGET, PROBE_INTERVAL
from proxy.core.store import StoreServer
from proxy.core.token import REFRESH_FROM, REFRESH_TO
from proxy.core.unreturned import LONG_ENOUGH
from proxy.tokens.notes import STORE_TIME
from proxy.tokens.shared import POLL
from tests.fakes.redis import redis_server
from tests.handover.stage import PAGE, staged
from tests.interop.stage import succeeded
from tests.tokens.login_server import LoginServer, answer, login_server, session
from tests.tokens.replica import Fleet
from tests.tokens.sources import described, gateway
from tests.tokens.test_replicas import place, tokens

# Calls of the store: of a replica that finds a token, of one that logs in, and of each look of one that waits.
FINDS, LOGS_IN, LOOKS = 1, 6, 2
HOUR = 3600.0
SPREAD = REFRESH_TO - REFRESH_FROM


def per_hour(replicas: int) -> float:
    """Return how often replicas that share a token of an hour log in: when the first of them refreshes."""
    return 1 / (REFRESH_FROM + SPREAD / (replicas + 1))


def rows() -> list[list[str]]:
    """Return the cells of the table of the login traffic."""
    return [re.split(r" *\| *", line.strip("| ")) for line in re.findall(r"^\| [\d,]+ \|.*$", PAGE, re.MULTILINE)]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_the_table_of_the_login_traffic(row: list[str]) -> None:
    """Each number is what the constants make of the number of replicas, as far as it is written out."""
    count = int(row[0].replace(",", ""))
    expected = [
        count / (REFRESH_FROM + SPREAD / 2),
        per_hour(count),
        count,
        1,
        per_hour(count) * (LOGS_IN + (count - 1) * FINDS),
        count * FINDS / (SPREAD * HOUR),
        (count - 1) * LOOKS / (1.5 * POLL),
    ]
    for cell, value in zip(row[1:], expected, strict=True):
        decimals = len(cell.partition(".")[2])
        assert cell == f"{value:,.{decimals}f}"


def test_the_table_is_there() -> None:
    """From one replica to ten thousand."""
    assert [row[0] for row in rows()] == ["1", "10", "100", "1,000", "10,000"]


@pytest.mark.parametrize("words", [
    f"between {REFRESH_FROM:.0%} and {REFRESH_TO * 100:.0f} %".replace("75%", "75"),
    f"{REFRESH_FROM} + {SPREAD:.1g} / (N + 1)",
    f"makes {FINDS} call,",
    f"the one that logs in makes {LOGS_IN}:",
    f"looks every {POLL} to {2 * POLL} s with {LOOKS} calls",
    f"not answered within {STORE_TIME:g} s",
    f"keeps one for {LONG_ENOUGH:g} s",
])  # fmt: skip
def test_the_numbers_in_the_text(words: str) -> None:
    """They are the constants'."""
    assert words in " ".join(PAGE.split())


def test_wrong_keys() -> None:
    """The words for the budget and the slow probe."""
    assert (BUDGET, HOUR / PROBE_INTERVAL) == (6, 4.0)
    assert "six failed logins a minute in all, without one for each replica at once and four an hour" in PAGE


@pytest.mark.parametrize("count", [1, 10])
async def test_replicas_log_in_as_often_as_the_formula_says(count: int) -> None:
    """The sources themselves, on virtual time: 200 hours, within two in a hundred."""
    fleet, chance = Fleet(), Random(6)
    fleet.issuer.lifetime, fleet.issuer.poll, fleet.issuer.random = HOUR, None, chance.random
    replicas = [fleet.replica(random=chance.random) for _ in range(count)]
    for each in replicas:
        each.reuse.start()
    await fleet.clock.elapse(200 * HOUR)
    for each in replicas:
        await each.reuse.close()
    assert fleet.logins / 200 == pytest.approx(per_hour(count), rel=0.02)


async def calls(client: Redis) -> tuple[int, int]:
    """Return how many scripts a Redis has run so far, and how often they tried to write: locks and tokens."""
    stats = await client.info("commandstats")
    scripts, writes = (stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("eval", "set"))
    return scripts, writes


async def test_the_calls_that_a_replica_makes(tmp_path: Path) -> None:
    """On a real Redis: the first one logs in, the second finds its token; likewise with the next token."""
    async with redis_server(tmp_path) as redis, redis.client() as client, login_server() as login:
        tokens(login, HOUR)
        where, counts = place(redis), [0]
        async with gateway(where, described(login.url)) as one:
            first = await one.reuse.token()
            counts.append((await calls(client))[0])
            async with gateway(where, described(login.url)) as other:
                same = await other.reuse.token()
                counts.append((await calls(client))[0])
                assert await one.reuse.renew(first, "x") is not None
                counts.append((await calls(client))[0])
                assert await other.reuse.renew(same, "x") is not None
                counts.append((await calls(client))[0])
        made = [later - sooner for sooner, later in itertools.pairwise(counts)]
        assert made == [LOGS_IN, FINDS, LOGS_IN, FINDS]
        assert len(login.asked) == 2


async def test_the_calls_of_one_that_waits(tmp_path: Path) -> None:
    """Two for each look, a read and a try to lock; the last look finds the token."""
    async with redis_server(tmp_path) as redis, redis.client() as client, login_server() as login:
        gate = held(login)
        async with (
            gateway(place(redis), described(login.url)) as one,
            gateway(place(redis), described(login.url)) as other,
        ):
            while (await calls(client))[1] < 5:  # noqa: ASYNC110  one has the lock, the other has tried four times
                await asyncio.sleep(0)
            gate.set()
            await one.reuse.token()
            await other.reuse.token()
        scripts, writes = await calls(client)
        tries = writes - 2  # of those one has got the lock, and one write was the token's
        assert scripts == LOGS_IN + LOOKS * tries + FINDS
        assert len(login.asked) == 1


def held(login: LoginServer) -> asyncio.Event:
    """Let the login wait; return what ends that."""
    gate = asyncio.Event()

    async def script(writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        writer.write(answer(session("token", token_duration=HOUR)))

    login.answers = [script]
    return gate


def test_the_configuration_of_replicas(tmp_path: Path) -> None:
    """It loads, behind a route."""
    found = re.search(r"```toml replicas\n(.*?)```", PAGE, re.DOTALL)
    assert found
    (tmp_path / "iam-proxy.toml").write_text(
        f'{found[1]}\n[[routes]]\nupstream = "https://origin.example"\ncredential = "none"\n'
    )
    assert isinstance(load(str(tmp_path / "iam-proxy.toml"), {}).tokens.store, StoreServer)
    assert list(tomllib.loads(found[1])) == ["tokens"]


async def test_what_is_asked_on_the_token_socket(tmp_path: Path) -> None:
    """Each command prints what stands below it, with tokens in the place of those words."""
    found = re.search(r"```console\n(.*?)```", PAGE, re.DOTALL)
    assert found
    session = re.findall(r"^\$ (.*)\n((?:[^$].*\n)*)", found[1], re.MULTILINE)
    assert len(session) == 3
    found_tokens: dict[str, str] = {}
    async with staged(tmp_path) as stage:
        for command, expected in session:
            for word, token in found_tokens.items():
                command = re.sub(rf"\b{word}\b", token, command)  # noqa: PLW2901  it is the command, as it is run
            lines = (await succeeded("bash", "-c", f"cd {tmp_path} && {command}")).decode()
            for line in expected.splitlines():
                pattern = re.sub(r"(TOKEN|NEWER)", r"(?P<\1>[0-9a-f]{32})", re.escape(line))
                printed = re.search(f"^{pattern}\r?$", lines, re.MULTILINE)
                assert printed, (line, lines)
                found_tokens |= printed.groupdict()
        assert found_tokens.keys() == {"TOKEN", "NEWER"}
        assert set(found_tokens.values()) == set(stage.platform.sessions._open)
        assert stage.platform.logins == 2
