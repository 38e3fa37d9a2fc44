"""What shows the effect of each option of `@app.task(…)`."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from core.conftest import _working
from features.trial_bodies import linger, linger_between, take, where
from features.trials import Table, advance, ended, lose, note, overtaken

from qtasks.asyncio import QueueTasks, Task
from qtasks.executors import TaskExecutor, TaskMiddleware

OPTIONS: Final = Table("options of @app.task")


@OPTIONS.shows(usual="note", then="other", name="other")
async def called(app: QueueTasks, **options: Any) -> object:
    """Its name."""
    return (await ended(app, app.task(**options)(note).bind())).task_name


@OPTIONS.shows(usual=("default", "success"), then=("slow", "new"), queue="slow")
async def lies_in(app: QueueTasks, **options: Any) -> object:
    """The queue that it waits in: one that this worker does not take from."""
    handle = await app.task(**options)(note).add_task()
    return handle.queue, await overtaken(app, handle)


@OPTIONS.shows(usual=["other", "this"], then=["this", "other"], priority=8)
async def runs_before(app: QueueTasks, **options: Any) -> object:
    """The order of two tasks."""
    order: list[str] = []
    app.config.max_tasks_process = 1

    async def run(word: str) -> None:
        order.append(word)

    other, this = app.task(name="other", priority=1)(run), app.task(name="this", **options)(run)
    handles = [await other.add_task("other"), await this.add_task("this")]
    async with _working(app):
        for handle in handles:
            await handle.wait(30)
    return order


async def end(app: QueueTasks, call: Any) -> str:
    """Return how a call ends: the status, or the class of the error."""
    done = await ended(app, call)
    return (done.error or str(done.status)).partition(":")[0]


IN_TIME: Final = {"usual": "success", "then": "TimeoutError", "max_time": 0.2}
LONG: Final = 0.6


@OPTIONS.shows(**IN_TIME)
async def on_the_loop(app: QueueTasks, **options: Any) -> object:
    """A coroutine."""

    async def body() -> None:
        await asyncio.sleep(LONG)

    return await end(app, app.task(**options)(body).bind())


@OPTIONS.shows(**IN_TIME)
async def in_a_thread(app: QueueTasks, **options: Any) -> object:
    """A plain function."""
    return await end(app, app.task(**options)(linger).bind(LONG))


@OPTIONS.shows(**IN_TIME)
async def in_a_process(app: QueueTasks, **options: Any) -> object:
    """A plain function in a process, which is killed."""
    return await end(app, app.task(executor="process", **options)(linger).bind(LONG))


@OPTIONS.shows(**IN_TIME)
async def a_generator_in_a_thread(app: QueueTasks, **options: Any) -> object:
    """A generator that does not stop."""
    return await end(app, app.task(**options)(linger_between).bind(LONG))


@OPTIONS.shows(**IN_TIME)
async def a_generator_on_the_loop(app: QueueTasks, **options: Any) -> object:
    """The same in the loop, where it lets go at each `yield`."""
    return await end(app, app.task(executor="loop", **options)(linger_between).bind(LONG))


@OPTIONS.shows(**IN_TIME)
async def an_async_generator(app: QueueTasks, **options: Any) -> object:
    """One that waits between what it yields."""

    async def body() -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(LONG)

    return await end(app, app.task(**options)(body).bind())


async def runs(app: QueueTasks, kind: type[Exception], **options: Any) -> int:
    """Return how often a task runs that fails each time."""
    number = 0

    async def fail() -> None:
        nonlocal number
        number += 1
        raise kind("for a trial")

    await ended(app, app.task(name=kind.__name__, **options)(fail).bind())
    return number


@OPTIONS.shows(usual=1, then=3, retry=2)
async def runs_of_a_failure(app: QueueTasks, **options: Any) -> object:
    """How often it runs."""
    return await runs(app, KeyError, backoff=0, **options)


@OPTIONS.shows(usual=(2, 2), then=(2, 1), retry_on_exc=[LookupError])
async def runs_by_kind(app: QueueTasks, **options: Any) -> object:
    """A KeyError is a LookupError, an OSError is none."""
    options |= {"retry": 1, "backoff": 0}
    return await runs(app, KeyError, **options), await runs(app, OSError, **options)


@OPTIONS.shows(usual=[1, 2, 4], then=[50, 100, 200], backoff=50)
@OPTIONS.shows(usual=[1, 2, 4], then=[1, 3, 9], backoff_factor=3)
@OPTIONS.shows(usual=[1, 2, 4], then=[1, 2, 2], backoff_cap=2)
async def waits_before_a_run(app: QueueTasks, **options: Any) -> object:
    """The seconds between its runs."""
    return [round(wait) for wait in await _waits(app, 3, backoff_jitter=0, **options)]


@OPTIONS.shows(usual=(True, False), then=(True, True), backoff_jitter=1)
async def chance_in_waits(app: QueueTasks, **options: Any) -> object:
    """Whether ten waits are 100 … 200 s, and whether one of them is longer than 111 s."""
    waits = await _waits(app, 10, backoff=100, backoff_factor=1, **options)
    return all(99.9 <= wait <= 200.1 for wait in waits), max(waits) > 111


async def _waits(app: QueueTasks, retries: int, **options: Any) -> list[float]:
    async def fail() -> None:
        raise KeyError("for a trial")

    handle: Task[Any] = await app.task(retry=retries, **options)(fail).add_task()
    waits = []
    for number in range(retries):
        async with _working(app), asyncio.timeout(30):
            while (failed := await handle.refresh()).attempts != number + 1 or failed.due is None:
                await asyncio.sleep(0.002)
        waits.append((failed.due - failed.updated_at).total_seconds())
        advance(app, 1000)
    return waits


@OPTIONS.shows(usual="success", then="dead", expires=5)
async def is_begun_late(app: QueueTasks, **options: Any) -> object:
    """What becomes of it six seconds after it was sent."""
    handle = await app.task(**options)(note).add_task()
    advance(app, 6)
    return await overtaken(app, handle)


@OPTIONS.shows(usual=True, then=False, result_ttl=5)
async def is_known_later(app: QueueTasks, **options: Any) -> object:
    """Whether its record is there six seconds after its end."""
    done = await ended(app, app.task(**options)(note).bind())
    advance(app, 6)
    return await app.read(done.id) is not None


@OPTIONS.shows(usual=[[], "In words.", {}], then=[["a", "b"], "In words.", {}], tags=["a", "b"])
@OPTIONS.shows(usual=[[], "In words.", {}], then=[[], "what for", {}], description="what for")
@OPTIONS.shows(usual=[[], "In words.", {}], then=[[], "In words.", {"colour": 7}], colour=7)
async def is_told_to_its_body(app: QueueTasks, **options: Any) -> object:
    """What the body reads of its own task; a keyword that is no option is kept for plugins."""

    async def me(self: Any) -> list[Any]:
        """In words."""
        return [list(self.tags), self.description, dict(self.extra)]

    return (await ended(app, app.task(echo=True, **options)(me).bind())).returning


@OPTIONS.shows(usual=["int", None], then=["AsyncTask", 1], echo=True)
async def gets_first(app: QueueTasks, **options: Any) -> object:
    """What its body gets in front of the arguments of the call."""

    async def me(first: Any, second: Any = None) -> list[Any]:
        return [type(first).__name__, second]

    return (await ended(app, app.task(**options)(me).bind(1))).returning


class Otherwise(TaskExecutor):
    """Runs no body."""

    async def execute(self) -> Any:
        """Return something else."""
        return [os.getpid(), "otherwise"]


@OPTIONS.shows(usual=(True, False), then=(True, True), executor="loop")
@OPTIONS.shows(usual=(True, False), then=(False, True), executor="process")
@OPTIONS.shows(usual=(True, False), then=(True, "otherwise"), executor=Otherwise)
async def runs_in(app: QueueTasks, **options: Any) -> object:
    """Whether a plain function runs in the process of the worker, and whether in its main thread."""
    done = await ended(app, app.task(**options)(where).bind())
    assert done.returning is not None
    return done.returning[0] == os.getpid(), done.returning[1]


@OPTIONS.shows(usual=[True, True], then=[True, False], executor="thread")
async def a_coroutine_runs_in(app: QueueTasks, **options: Any) -> object:
    """The same for a coroutine."""

    async def coroutine() -> list[Any]:
        process, is_main = where()
        return [process == os.getpid(), is_main]

    return (await ended(app, app.task(**options)(coroutine).bind())).returning


@OPTIONS.shows(usual="success", then="MemoryError", max_memory=200 * 2**20)
async def takes_memory(app: QueueTasks, **options: Any) -> object:
    """A body that takes 400 MB."""
    return await end(app, app.task(executor="process", **options)(take).bind(400 * 2**20))


@OPTIONS.shows(usual="success", then="dead", ack="early")
async def loses_its_worker(app: QueueTasks, **options: Any) -> object:
    """What becomes of it when its first worker is lost."""
    async with app:
        handle = await app.task(**options)(note).add_task()
        await lose(app)
        advance(app, 31)
        return await overtaken(app, handle)


@OPTIONS.shows(usual=2, then=1, unique=True)
async def is_sent_twice(app: QueueTasks, **options: Any) -> object:
    """How many runs two equal calls are."""
    runs: list[None] = []

    async def run() -> None:
        runs.append(None)

    task = app.task(**options)(run)
    handles = await app.add_tasks([task.bind(), task.bind()])
    async with _working(app):
        for handle in handles:
            await handle.wait(30)
    return len(runs)


@OPTIONS.shows(usual=False, then=True, rate_limit="4/s")
async def starts_apart(app: QueueTasks, **options: Any) -> object:
    """Whether there is about a quarter of a second between two of four starts."""
    starts: list[float] = []

    async def start() -> None:
        starts.append(time.monotonic())

    task = app.task(**options)(start)
    handles = await app.add_tasks(task.bind() for _ in range(4))
    async with _working(app):
        for handle in handles:
            await handle.wait(30)
    return starts[-1] - starts[0] >= 0.4


@OPTIONS.shows(usual=4, then=2, concurrency=2)
async def runs_at_a_time(app: QueueTasks, **options: Any) -> object:
    """How many of four run at once."""
    return await _most(app, **options)


@OPTIONS.shows(usual=1, then=2, limit_by="key")
async def runs_at_a_time_by_key(app: QueueTasks, **options: Any) -> object:
    """The same for a limit of one, with two keys."""
    return await _most(app, concurrency=1, **options)


async def _most(app: QueueTasks, **options: Any) -> int:
    running = most = 0

    async def work(key: str) -> None:  # noqa: ARG001
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.1)
        running -= 1

    task = app.task(**options)(work)
    handles = await app.add_tasks(task.bind("ab"[number % 2]) for number in range(4))
    async with _working(app):
        for handle in handles:
            assert (await handle.wait(30)).status == "success"
    return most


@OPTIONS.shows(usual=1, then=2, decode=lambda value: value + 1)
async def keeps_of_a_result(app: QueueTasks, **options: Any) -> object:
    """What is stored of a result."""

    async def one() -> int:
        return 1

    return (await ended(app, app.task(**options)(one).bind())).returning


@OPTIONS.shows(usual=[4, None], then=[4, 8], generate_handler=lambda value: value * 2)
async def hears_of_what_it_yields(app: QueueTasks, **options: Any) -> object:
    """What it hears of a value that it has yielded; it yields that again."""

    def repeat() -> Iterator[Any]:
        answer: Any = yield 4
        yield answer

    return (await ended(app, app.task(**options)(repeat).bind())).returning


class Before(TaskMiddleware):
    """Changes the arguments."""

    async def __call__(self) -> None:
        """Do so."""
        self.task_executor.args = [10]


class After(TaskMiddleware):
    """Changes the result."""

    async def __call__(self) -> None:
        """Do so."""
        self.task_executor.result += 1


@OPTIONS.shows(usual=1, then=10, middlewares_before=[Before])
@OPTIONS.shows(usual=1, then=2, middlewares_after=[After])
async def goes_through(app: QueueTasks, **options: Any) -> object:
    """What it returns of its argument."""

    async def same(a: int) -> int:
        return a

    return (await ended(app, app.task(**options)(same).bind(1))).returning
