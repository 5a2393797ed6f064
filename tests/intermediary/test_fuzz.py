"""Anything from clients and origins, by seed: nothing malformed gets through, nothing breaks, nothing is left."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from random import Random

import pytest

from proxy.core.limits import Limits
from tests.fakes.gateway import PATIENCE, Bench, RawClient, complaints, gateway_to
from tests.fakes.origin import raw_origin
from tests.intermediary.lives import fated, live
from tests.intermediary.mutations import Judge, pipeline

pytestmark = pytest.mark.usefixtures("loop_factory")

# A seed is one gateway with so many clients at once; all that is chosen there depends on the seed.
CLIENTS = 8
SEEDS = 100
MANY = 10 * SEEDS
# How much of the sweep's time the gateway may take to answer and close when a client has finished sending, in seconds.
SOON = 60


def seeds(count: int) -> list[int]:
    """Return the seeds to run: that which the environment names, or so many."""
    only = os.environ.get("FUZZ_SEED")
    return [int(only)] if only else list(range(count))


@contextlib.contextmanager
def named(seed: int, kind: str) -> Iterator[None]:
    """Say of a failure how to see it again."""
    try:
        yield
    except BaseException as error:
        error.add_note(
            f"To see it again: FUZZ_SEED={seed} python -m pytest tests/intermediary/test_fuzz.py -k '{kind}'"
        )
        raise


@contextlib.asynccontextmanager
async def passing_time(bench: Bench) -> AsyncIterator[None]:
    """Let the sweep's time pass with the turns of the loop."""

    async def passing() -> None:
        while True:
            await bench.pass_time(0.02)

    task = asyncio.create_task(passing())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def all_gone(bench: Bench) -> None:
    """See that in the end nothing is left of any client, and no defect has shown."""
    async with bench.client() as last:  # connections are accepted in order: so all of them have been
        await last.send(b"OPTIONS * HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
        assert (await last.answer()).status == 204
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while len(bench.clients) or bench.gateway.in_flight or bench.pool.open > bench.pool.idle:
                await bench.pass_time(1)
    assert (len(bench.clients), bench.gateway.in_flight, bench.pool.open - bench.pool.idle) == (0, 0, 0)
    assert [fact for fact in bench.finished if fact.code == "internal_error"] == []


async def together(bench: Bench, seed: int, act: Callable[[Random, RawClient], Awaitable[None]]) -> None:
    """Let clients act at the same time, each with a seed of its own."""

    async def one(number: int) -> None:
        async with bench.client() as client:
            await act(Random(f"{seed} {number}"), client)

    heard = complaints()
    async with passing_time(bench), asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(one(number))
    await all_gone(bench)
    assert heard == []


async def mutations(seed: int) -> None:
    """Send mutated pipelines, cut anywhere, to an origin that judges."""
    judge = Judge()
    async with raw_origin(judge.script) as origin, gateway_to(origin.port) as bench:

        async def attack(choose: Random, client: RawClient) -> None:
            data = pipeline(choose)
            step = choose.choice((1, 3, 17, 50, len(data)))
            with contextlib.suppress(ConnectionError, RuntimeError):
                for at in range(0, len(data), step):
                    client.writer.write(data[at : at + step])
                    await bench.turns(1)
                if choose.random() < 0.2:
                    client.reset()
                    return
                client.writer.write_eof()
                began, answers = bench.time.now, asyncio.create_task(client.reader.read())
                while not answers.done():
                    assert bench.time.now - began < SOON, f"no end behind {data!r}"
                    await bench.turns(5)
                assert b"internal_error" not in await answers

        await together(bench, seed, attack)
    assert judge.faults == []


async def lives(seed: int) -> None:
    """Let clients and the origin live and leave as they like."""
    spool = Random(seed).choice((100_000, 10**7))
    limits = Limits(replay_buffer=1000, replay_spool=spool, max_origin_connections=CLIENTS - 2)
    async with raw_origin(fated) as origin, gateway_to(origin.port, limits=limits) as bench:
        await together(bench, seed, live)


@pytest.mark.parametrize("kind", [mutations, lives])
async def test_a_few_seeds(kind: Callable[[int], Awaitable[None]]) -> None:
    """Some hundreds of connections."""
    for seed in seeds(SEEDS):
        with named(seed, f"few and {kind.__name__}"):
            await kind(seed)


@pytest.mark.long
@pytest.mark.parametrize("kind", [mutations, lives])
async def test_many_seeds(kind: Callable[[int], Awaitable[None]]) -> None:
    """Ten times as many."""
    for seed in seeds(MANY):
        with named(seed, f"few and {kind.__name__}"):
            await kind(seed)
