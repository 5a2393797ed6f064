"""How bytes leave, and how the coroutine of a connection is woken and ended."""

import asyncio

import pytest

from proxy.wire.flow import Flow


async def test_a_wake_resumes_the_coroutine_at_once() -> None:
    """No turn of the loop lies between the wake and what follows from it."""
    seen: list[int] = []
    flow = Flow(asyncio.get_running_loop())

    async def main() -> None:
        while len(seen) < 3:
            await flow
            seen.append(len(seen))

    flow.start(main())
    flow.wake()
    assert seen == [0]
    flow.wake()
    flow.wake()
    assert seen == [0, 1, 2]
    flow.wake()


async def test_a_wake_from_within_is_without_effect() -> None:
    """The coroutine looks before it waits, so it needs no wake for what it does itself."""
    flow = Flow(asyncio.get_running_loop())
    turns = 0

    async def main() -> None:
        nonlocal turns
        while True:
            turns += 1
            flow.wake()
            await flow

    flow.start(main())
    assert turns == 1
    flow.end()


async def test_the_end_frees_what_is_held() -> None:
    """Ending runs the way out of the coroutine, wherever it stands; a second end does nothing."""
    flow = Flow(asyncio.get_running_loop())
    freed: list[bool] = []

    async def main() -> None:
        try:
            await flow
        finally:
            freed.append(True)

    flow.start(main())
    flow.end()
    flow.end()
    assert freed == [True]


async def test_what_runs_beside_gives_its_result_or_its_error() -> None:
    """Something that needs asyncio is awaited by way of a task of its own."""
    flow = Flow(asyncio.get_running_loop())
    done = asyncio.Event()
    results: list[object] = []

    async def work(fails: bool) -> int:
        await asyncio.sleep(0)
        if fails:
            raise ValueError("no")
        return 7

    async def main() -> None:
        results.append(await flow.beside(work(fails=False), results.append))
        with pytest.raises(ValueError, match="no"):
            await flow.beside(work(fails=True), results.append)
        done.set()

    flow.start(main())
    await done.wait()
    assert results == [7]


@pytest.mark.parametrize("turns", range(6))
async def test_a_result_that_comes_too_late_is_undone(turns: int) -> None:
    """Wherever the end strikes, what was made beside is either handed over or undone, never lost."""
    flow = Flow(asyncio.get_running_loop())
    made: list[str] = []
    undone: list[str] = []
    had: list[str] = []

    async def work() -> str:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        made.append("it")
        return "it"

    async def main() -> None:
        had.append(await flow.beside(work(), undone.append))
        await flow

    flow.start(main())
    for _ in range(turns):
        await asyncio.sleep(0)
    flow.end()
    for _ in range(5):
        await asyncio.sleep(0)
    assert made == had + undone
