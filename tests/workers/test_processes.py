"""A gateway of two processes, as a program: one login, figures that add up, no request lost but a dead worker's own."""

import asyncio
import contextlib
import os
import re
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
import pytest

from proxy.config.settings import Config
from proxy.core.limits import Limits
from proxy.workers.order import Order, packed, received
from tests.fakes.gateway import Answered
from tests.test_lifecycle import GET, Load, Running, running

TWO = "workers = 2\n"


async def workers(it: Running) -> list[int]:
    """Return the numbers of the processes that a gateway has started."""
    pid = it.gateway.process.pid
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(number) for number in found.split()]


async def others(it: Running, than: list[int], count: int = 2) -> list[int]:
    """Wait until there are so many workers other than those."""
    while len(found := [pid for pid in await workers(it) if pid not in than]) < count:  # noqa: ASYNC110  the kernel tells nobody
        await asyncio.sleep(0)
    return found


async def figure(it: Running, name: str) -> float:
    """Return the value of a series, or the sum of all of that name."""
    async with aiohttp.ClientSession() as session, session.get(f"http://{it.admin}/metrics") as answer:
        text = await answer.text()
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))


@contextlib.asynccontextmanager
async def two(folder: Path, server: str = "", *more: str) -> AsyncIterator[Running]:
    """Run a gateway of two processes."""
    async with running(folder, *more, server=TWO + server) as it:
        assert len(await workers(it)) == 2
        yield it


async def test_both_serve_with_one_login(tmp_path: Path) -> None:
    """New connections go to either; the figures are those of both, limits are shared out."""
    async with two(tmp_path) as it:
        load = Load(it)
        tasks = [asyncio.create_task(load.fresh()) for _ in range(8)]
        await load.more(300)
        load.over = True
        await asyncio.gather(*tasks)
        assert load.failures == []
        assert await figure(it, "iam_proxy_requests_total") == load.answered
        assert await figure(it, "iam_proxy_in_flight_requests_limit") == 1000
        assert await figure(it, "iam_proxy_in_flight_requests") == 0
        assert await figure(it, "iam_proxy_logins_total") == it.platform.logins == 1
        (route,) = (await it.asks("GET", "/status"))[1]["routes"]
        dialled, reused = route["connections"]["dialled"], route["connections"]["reused"]
        assert dialled + reused == load.answered
        assert reused == await figure(it, "iam_proxy_origin_connections_reused_total") > 0
        assert route["connections"]["open"] >= route["connections"]["idle"] > 0


async def test_a_dead_worker_takes_its_own_requests_alone(tmp_path: Path) -> None:
    """Another takes its place, without a login; what it had counted until it was last asked stays."""
    async with two(tmp_path) as it, contextlib.AsyncExitStack() as stack:
        slow = [await stack.enter_async_context(it.client()) for _ in range(40)]
        for client in slow:
            await client.send(GET)
        await it.arrived(40)
        counted = await figure(it, "iam_proxy_client_connections")
        before = await workers(it)
        os.kill(before[0], signal.SIGKILL)
        died = await it.gateway.event("a worker has ended that was not told to; another takes its place")
        assert (died["pid"], died["exit"]) == (before[0], -signal.SIGKILL)
        (new,) = await others(it, before, 1)
        assert new not in before
        assert await figure(it, "iam_proxy_worker_restarts_total") == 1
        load = Load(it)
        tasks = [asyncio.create_task(load.fresh()) for _ in range(4)]
        await load.more(50)
        load.over = True
        await asyncio.gather(*tasks)
        it.platform.answers.set()
        ends = await asyncio.gather(*(client.answer() for client in slow), return_exceptions=True)
        answered = [end for end in ends if not isinstance(end, BaseException)]
        assert {each.status for each in answered} <= {200}
        assert 0 < len(answered) < counted == 40
        assert load.failures == []
        assert it.platform.logins == 1


@dataclass
class Losing:
    """Clients that ask one request after the other; who is told to leave, or loses its connection, takes another."""

    it: Running
    answered: Counter[int] = field(default_factory=Counter)  # by client
    lost: list[int] = field(default_factory=list)
    wrong: list[Answered] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False

    async def client(self, name: int) -> None:
        """Ask until it is over."""
        while not self.over:
            try:
                async with self.it.client() as client:
                    last = False
                    while not (self.over or last):
                        answer = await client.get()
                        self._note(name, answer)
                        last = answer.values(b"connection") == [b"close"]
            except (ConnectionError, asyncio.IncompleteReadError):
                self.lost.append(name)

    def _note(self, name: int, answer: Answered) -> None:
        if (answer.status, answer.body, answer.whole) != (200, b"ok", True):
            self.wrong.append(answer)
        self.answered[name] += 1
        self.news.set()

    async def more(self, count: int) -> set[int]:
        """Wait for so many further answers; return who has got some of them."""
        before, wanted = self.answered.copy(), self.answered.total() + count
        while self.answered.total() < wanted:
            self.news.clear()
            await self.news.wait()
        return set(self.answered - before)


async def test_a_worker_killed_under_load(tmp_path: Path) -> None:
    """Whoever has a request with it loses that one, and goes on with another worker; nobody else notices, nor logs in.

    It is stopped first: those who get no answers any more are the ones who have a request there.
    """
    async with two(tmp_path) as it:
        load, names = Losing(it), range(40)
        tasks = [asyncio.create_task(load.client(name)) for name in names]
        while await load.more(200) < set(names):
            pass
        (dead, _) = before = await workers(it)
        os.kill(dead, signal.SIGSTOP)
        await load.more(400)
        there = set(names) - await load.more(400)
        os.kill(dead, signal.SIGKILL)
        await others(it, before, 1)
        while await load.more(200) < set(names):
            pass
        load.over = True
        await asyncio.gather(*tasks)
        assert load.wrong == []
        assert sorted(load.lost) == sorted(there)
        assert 0 < len(there) < len(names)
        assert it.platform.logins == 1


async def test_reloads_roll_through_the_workers(tmp_path: Path) -> None:
    """Each in its turn gives way to a new one; under load no request fails, and no login is made.

    Neither of those who come anew each time, nor of those who stay until an answer tells them to leave.
    """
    async with two(tmp_path) as it:
        load, kept = Load(it), Losing(it)
        tasks = [asyncio.create_task(load.fresh()) for _ in range(2)]
        tasks += [asyncio.create_task(kept.client(name)) for name in range(2)]
        before = await workers(it)
        for turn in range(2):
            await load.more(50)
            it.write(f'[[routes]]\npath = "/r{turn}"\nupstream = "http://127.0.0.1:{it.origin.port}"', server=TWO)
            assert (await it.reload())["event"] == "reloaded"
            now = await others(it, before)
            assert not set(now) & set(before)
            before = now
        await load.more(50)
        load.over = kept.over = True
        await asyncio.gather(*tasks)
        assert load.failures == []
        assert (kept.lost, kept.wrong) == ([], [])
        assert kept.answered.total() > 200
        async with it.client() as client:
            assert (await client.get("/r1/x")).status == 200
        assert it.platform.logins == 1


async def test_workers_finish_what_runs(tmp_path: Path) -> None:
    """On SIGTERM to the supervisor; it ends last, with 0."""
    async with two(tmp_path) as it, contextlib.AsyncExitStack() as stack:
        slow = [await stack.enter_async_context(it.client()) for _ in range(20)]
        for client in slow:
            await client.send(GET)
        await it.arrived(20)
        it.gateway.signal(signal.SIGTERM)
        await it.gateway.event("draining")
        it.platform.answers.set()
        answers = await asyncio.gather(*(client.answer() for client in slow))
        assert {(each.status, *each.values(b"connection")) for each in answers} == {(200, b"close")}
        assert (await it.gateway.event("stopped"))["finished"]
        assert await it.gateway.ended() == 0


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
async def test_a_second_signal_cuts(second: signal.Signals, tmp_path: Path) -> None:
    """As with one process; Ctrl-C reaches the workers too, and it is the supervisor that says what it means."""
    async with two(tmp_path) as it, it.client() as client:
        await client.send(GET)
        await it.arrived(1)
        os.killpg(it.gateway.process.pid, signal.SIGINT)
        await it.gateway.event("draining")
        os.killpg(it.gateway.process.pid, second)
        assert not (await it.gateway.event("stopped"))["finished"]
        assert await client.ended()
        assert await it.gateway.ended() == 0


async def test_a_worker_that_hangs_is_killed_in_time(tmp_path: Path) -> None:
    """Without a second signal, soon after `drain_timeout`; the other finishes what it has, and the exit code is 0."""
    async with two(tmp_path, 'drain_timeout = "2s"\n') as it:
        hung, other = await workers(it)
        os.kill(hung, signal.SIGSTOP)
        it.gateway.signal(signal.SIGTERM)
        assert (await it.gateway.event("a worker hangs, and is killed"))["pid"] == hung
        assert not (await it.gateway.event("stopped"))["finished"]
        assert await it.gateway.ended() == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in (hung, other))


async def test_a_worker_that_hangs_does_not_outlive_a_reload(tmp_path: Path) -> None:
    """Others have taken the places by then; it was told to go, so it counts as no death."""
    async with two(tmp_path, 'drain_timeout = "100ms"\n') as it:
        before = await workers(it)
        os.kill(before[0], signal.SIGSTOP)
        it.write(server=TWO)
        assert (await it.reload())["event"] == "reloaded"
        assert (await it.gateway.event("a worker hangs, and is killed"))["pid"] == before[0]
        while set(await workers(it)) & set(before):
            pass
        assert await figure(it, "iam_proxy_worker_restarts_total") == 0
        async with it.client() as client:
            assert (await client.get()).status == 200


@pytest.mark.long
async def test_a_worker_that_hangs_is_replaced(tmp_path: Path) -> None:
    """One that says nothing for half a minute, and one that takes as long for its start; those that speak stay."""
    async with two(tmp_path) as it:
        before = await workers(it)
        os.kill(before[0], signal.SIGSTOP)
        assert (await it.gateway.event("a worker hangs, and is killed"))["pid"] == before[0]
        (new,) = await others(it, before, 1)
        assert set(await workers(it)) == {before[1], new}
        os.kill(new, signal.SIGSTOP)
        assert (await it.gateway.event("a worker hangs, and is killed"))["pid"] == new
        (newer,) = await others(it, [*before, new], 1)
        assert set(await workers(it)) == {before[1], newer}
        assert await figure(it, "iam_proxy_worker_restarts_total") == 2


async def test_a_worker_that_hangs_is_killed_at_once(tmp_path: Path) -> None:
    """By a second signal: it hears nothing any more."""
    async with two(tmp_path) as it:
        hung, _ = await workers(it)
        os.kill(hung, signal.SIGSTOP)
        it.gateway.signal(signal.SIGTERM)
        await it.gateway.event("draining")
        it.gateway.signal(signal.SIGTERM)
        assert not (await it.gateway.event("stopped"))["finished"]
        assert await it.gateway.ended() == 0
        assert not Path(f"/proc/{hung}").exists()


async def test_workers_end_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    """They finish what runs; nothing is left behind."""
    async with two(tmp_path) as it, it.client() as client:
        await client.send(GET)
        await it.arrived(1)
        left = await workers(it)
        it.gateway.signal(signal.SIGKILL)
        with contextlib.suppress(aiohttp.ClientConnectorError):
            while await it.asks("GET", "/status"):  # until it is gone
                pass
        it.platform.answers.set()
        assert (await client.answer()).status == 200
        while any(Path(f"/proc/{pid}").exists() for pid in left):  # noqa: ASYNC110  likewise
            await asyncio.sleep(0)


async def test_a_revoked_token_costs_one_login(tmp_path: Path) -> None:
    """Whichever of the workers meets the refusal first."""
    async with two(tmp_path) as it:
        load = Load(it)
        tasks = [asyncio.create_task(load.fresh()) for _ in range(8)]
        await load.more(100)
        it.platform.dead.add(b"t1")
        await load.more(200)
        load.over = True
        await asyncio.gather(*tasks)
        assert load.failures == []
        assert it.platform.logins == 2


async def test_the_log_of_workers_is_adjusted_too(tmp_path: Path) -> None:
    """By way of the admin listener: what is not to be logged any more is not logged by any of them."""
    async with two(tmp_path) as it:
        url = f"http://{it.admin}/log"
        async with aiohttp.ClientSession() as session, session.put(url, json={"access": False}) as answer:
            assert answer.status == 200
        for _ in range(10):
            async with it.client() as client:
                assert (await client.get("/quiet")).status == 200
        it.gateway.signal(signal.SIGTERM)
        seen = [await it.gateway.event("request", "draining")]
        assert seen[0]["event"] == "draining"


def test_limits_are_shared_out() -> None:
    """So that all workers together take what is configured, and each takes at least one."""
    assert Limits(max_connections=10, max_in_flight=3, max_origin_connections=1).share(4) == replace(
        Limits(), max_connections=3, max_in_flight=1, max_origin_connections=1
    )


async def test_an_order_arrives_as_it_was_given() -> None:
    """The configuration, secrets included, and the sockets; what comes behind it stays in the channel."""
    near, far = socket.socketpair()
    with near, far:
        order = Order(Config(()), (3, 4))
        near.sendall(packed(order) + b'{"first":1}\n')
        assert received(far) == order
        assert far.recv(100) == b'{"first":1}\n'
