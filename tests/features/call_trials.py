"""What shows the effect of each option of one call: `.options(…)`, and the keywords of `add_task`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from core.conftest import _working
from features.trials import Options, Table, advance, ended, note, overtaken

from qtasks.asyncio import QueueTasks
from qtasks.status import TaskStatus

CALLS: Final = Table("options of a call")
KEYWORDS: Final = Table("keywords of add_task")

ID: Final = "0b5c3f9e-63b5-4c1f-8d2e-0a4b6f1d9c77"
DAY: Final = 86_400.0


@CALLS.shows(usual=(2, False), then=(1, True), id=ID)
async def is_repeated(app: QueueTasks, **options: Any) -> object:
    """How many tasks the same call is twice, and whether they have the id."""
    task = app.task(note)
    handles = [await task.options(**options).add_task() for _ in range(2)]
    async with _working(app):
        for handle in handles:
            await handle.wait(30)
    return (await app.counts()).total, {handle.id for handle in handles} == {ID}


@CALLS.shows(usual=("slow", "new"), then=("default", "success"), queue="default")
async def lies_in(app: QueueTasks, **options: Any) -> object:
    """The queue of a task of the queue `slow`, and what a worker of `default` does with it."""
    handle = await app.task(queue="slow")(note).options(**options).add_task()
    return handle.queue, await overtaken(app, handle)


async def order(app: QueueTasks, options: Options, keywords: Options) -> list[str]:
    """Return the order in which two calls run, of which the second one has these options and keywords."""
    app.config.max_tasks_process = 1
    words: list[str] = []

    async def run(word: str) -> None:
        words.append(word)

    task = app.task(priority=1)(run)
    handles = [
        await task.options(priority=2).add_task("other"),
        await (task.options(**options) if options else task).add_task("this", **keywords),
    ]
    async with _working(app):
        for handle in handles:
            await handle.wait(30)
    return words


@CALLS.shows(usual=["other", "this"], then=["this", "other"], priority=8)
async def runs_before(app: QueueTasks, **options: Any) -> object:
    """The order of two calls."""
    return await order(app, options, {})


@CALLS.shows(usual=("success", "success"), then=("delayed", "success"), delay=DAY)
@CALLS.shows(
    usual=("success", "success"), then=("delayed", "success"), eta=datetime.now(UTC) + timedelta(days=1)
)
async def runs_now_and_after_two_days(app: QueueTasks, **options: Any) -> object:
    """What has become of it at once, and two days later."""
    app.config.result_ttl = None
    handle = await app.task(note).options(**options).add_task()
    now = await overtaken(app, handle)
    advance(app, 2 * DAY)
    async with _working(app):
        return now, str((await handle.wait(30)).status)


@CALLS.shows(usual="success", then="dead", expires=5)
async def is_begun_late(app: QueueTasks, **options: Any) -> object:
    """What becomes of it six seconds after it was sent; its task says a hundred."""
    handle = await app.task(expires=100)(note).options(**options).add_task()
    advance(app, 6)
    return await overtaken(app, handle)


@CALLS.shows(usual=3, then=2, retry=1)
async def runs_of_a_failure(app: QueueTasks, **options: Any) -> object:
    """How often it runs; its task says two retries."""
    runs = 0

    @app.task(retry=2, backoff=0)
    async def fail() -> None:
        nonlocal runs
        runs += 1
        raise KeyError("for a trial")

    await ended(app, fail.options(**options).bind())
    return runs


@CALLS.shows(usual="success", then="error", max_time=0.2)
async def lasts(app: QueueTasks, **options: Any) -> object:
    """How it ends; its task says a minute."""

    @app.task(max_time=60)
    async def last() -> None:
        await asyncio.sleep(0.6)

    return (await ended(app, last.options(**options).bind())).status


@CALLS.shows(usual=1, then=2, unique=False)
async def is_sent_twice(app: QueueTasks, **options: Any) -> object:
    """How many tasks two equal calls are; their task is unique."""
    task = app.task(unique=True)(note)
    return len({(await task.options(**options).add_task()).id for _ in range(2)})


@CALLS.shows(usual=2, then=1, unique="a")
async def is_sent_twice_under_a_key(app: QueueTasks, **options: Any) -> object:
    """The same for a task that is not."""
    task = app.task(note)
    return len({(await task.options(**options).add_task()).id for _ in range(2)})


@CALLS.shows(usual=True, then=False, result_ttl=5)
async def is_known_later(app: QueueTasks, **options: Any) -> object:
    """Whether its record is there six seconds after its end; its task says a hundred."""
    done = await ended(app, app.task(result_ttl=100)(note).options(**options).bind())
    advance(app, 6)
    return await app.read(done.id) is not None


@KEYWORDS.shows(usual="new", then="success", timeout=30)
async def comes_back(app: QueueTasks, **keywords: Any) -> object:
    """The status of what `add_task` returns, before anything was waited for."""
    app.config.max_tasks_process = 1
    gate = asyncio.Event()

    @app.task
    async def hold() -> None:
        await gate.wait()

    task = app.task(note)
    async with _working(app):
        await (await hold.add_task()).wait(30, until={TaskStatus.PROCESS})
        asyncio.get_running_loop().call_later(0.05, gate.set)
        return str((await task.add_task(**keywords)).status)


@KEYWORDS.shows(usual=["other", "this"], then=["this", "other"], priority=8)
async def runs_first(app: QueueTasks, **keywords: Any) -> object:
    """The order of two calls."""
    return await order(app, {}, keywords)


@KEYWORDS.shows(usual="this", then="other", task_name="other")
async def is_run(app: QueueTasks, **keywords: Any) -> object:
    """Which of two tasks runs."""

    async def this() -> str:
        return "this"

    async def other() -> str:
        return "other"

    task, _ = app.task(this), app.task(other)
    async with _working(app):
        return (await (await task.add_task(**keywords)).wait(30)).returning
