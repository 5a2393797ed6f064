"""So many workers, always: one that dies is replaced, and for a new order all are replaced, one by one."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator

from proxy.core.backoff import Backoff
from proxy.core.worker_events import WorkerDied, WorkerEvent, WorkerHangs
from proxy.workers.channel import TELL_EVERY
from proxy.workers.order import Order
from proxy.workers.process import WorkerProcess

# A worker that dies at once would be started without end: pauses between starts, in seconds.
PAUSES = Backoff(0.5, 30.0)
# One that has served for so long, in seconds, has not died of its start.
SERVED = 30.0

# How long one that is told to end at once may take for it, or more than its drain, in seconds.
CUT_TIME = 5.0
# One that has said nothing at so many looks hangs. Looks, not time: where all of us were stopped none has passed.
SILENT = 6
# How long the start of a worker may take, in seconds; one that hangs is ended.
START_TIME = 30.0

Made = Callable[[], WorkerProcess]
Told = Callable[[WorkerEvent], None]


class Post:
    """One place for a worker, at one order, and whoever holds it now.

    `made` returns a process that has not been started; `told` hears of those that hang or die. With an order that is
    `on_trial` nobody follows a first one that dies of its start.
    """

    def __init__(self, made: Made, told: Told, order: Order, *, on_trial: bool = False) -> None:
        self.worker: WorkerProcess | None = None
        self._made = made
        self._told = told
        self._order = order
        self._on_trial = on_trial
        self._leaving = asyncio.Event()
        self._tried = asyncio.Event()
        self.task = asyncio.get_running_loop().create_task(self._keep())

    async def held(self) -> bool:
        """Wait until the first worker is ready, or has died; tell whether the place is held."""
        await self._tried.wait()
        return self.worker is not None

    def finish(self) -> None:
        """Tell whoever is here to finish, and let nobody follow."""
        self._leaving.set()

    def cut(self) -> None:
        """End whoever is here at once."""
        self._leaving.set()
        if self.worker is not None:
            self.worker.cut()

    def kill(self) -> None:
        """End whoever is here, whatever it does."""
        if self.worker is not None:
            self.worker.kill()

    async def _keep(self) -> None:
        """Keep the place held until it is given up."""
        pauses = PAUSES
        while not self._leaving.is_set():
            worker, began = self._made(), time.monotonic()
            code = await self._served(worker)
            failed = self._on_trial and not self._tried.is_set()
            self._tried.set()
            if failed or self._leaving.is_set():
                return
            pauses = PAUSES if time.monotonic() - began >= SERVED else pauses.failed()
            self._told(WorkerDied(worker.pid, code, pauses.delay()))
            try:
                async with asyncio.timeout(pauses.delay()):
                    await self._leaving.wait()
            except TimeoutError:
                continue

    async def _served(self, worker: WorkerProcess) -> int:
        """Start a worker and wait for its end; it holds the place once it is ready. Returns its exit code."""
        await worker.start(self._order)
        ended = asyncio.ensure_future(worker.ended())
        try:
            async with asyncio.timeout(START_TIME):
                await worker.ready.wait()
        except TimeoutError:
            self._end(worker)
        if worker.serves:
            self.worker = worker
            self._tried.set()
        watch = asyncio.ensure_future(self._watch(worker))
        try:
            return await ended
        finally:
            watch.cancel()
            self.worker = None

    async def _watch(self, worker: WorkerProcess) -> None:
        """Tell a worker to finish once it is to leave; kill one that hangs: long silent, or not gone by its time."""
        while not self._leaving.is_set() and worker.silence < SILENT:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TELL_EVERY):
                    await self._leaving.wait()
            worker.silence += 1
        if self._leaving.is_set():
            worker.finish()
            await asyncio.sleep(self._order.config.server.drain_timeout + CUT_TIME)
        self._end(worker)

    def _end(self, worker: WorkerProcess) -> None:
        self._told(WorkerHangs(worker.pid))
        worker.kill()


class Crew:
    """Keeps `count` workers; arguments as for each `Post`."""

    def __init__(self, count: int, made: Made, told: Told) -> None:
        self._count = count
        self._made = made
        self._told = told
        self._posts: list[Post] = []
        self._former: set[Post] = set()

    def __iter__(self) -> Iterator[WorkerProcess]:
        """Those who serve now."""
        return iter([post.worker for post in (*self._posts, *self._former) if post.worker is not None])

    async def start(self, order: Order) -> None:
        """Start them all; returns once each is ready, or has died and will be replaced."""
        self._posts = [Post(self._made, self._told, order) for _ in range(self._count)]
        await asyncio.gather(*(post.held() for post in self._posts))

    async def replace(self, order: Order) -> bool:
        """Give all of them another order: in each place a new worker is ready before the old one is told to finish.

        Where the new one dies of its start the rest stay as they are; returns whether all went well.
        """
        for index, old in enumerate(self._posts):
            new = Post(self._made, self._told, order, on_trial=True)
            if not await new.held():
                return False
            self._posts[index] = new
            self._retire(old)
        return True

    def _retire(self, post: Post) -> None:
        self._former.add(post)
        post.task.add_done_callback(lambda _: self._former.discard(post))
        post.finish()

    # --- the end
    async def drain(self) -> None:
        """Tell all to finish, and wait until they are gone."""
        for post in self._posts:
            post.finish()
        await self._gone()

    async def stop(self) -> None:
        """End all at once."""
        posts = (*self._posts, *self._former)
        for post in posts:
            post.cut()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CUT_TIME):
                await self._gone()
        for post in posts:
            post.kill()
        await self._gone()

    async def relieved(self) -> None:
        """Wait until those are gone whose places others have taken."""
        await ended(self._former)

    async def _gone(self) -> None:
        await ended((*self._posts, *self._former))


async def ended(posts: Iterable[Post]) -> None:
    """Wait until nobody holds these places; whoever ends the wait ends no more than that."""
    tasks = [post.task for post in posts]
    if tasks:
        await asyncio.wait(tasks)
