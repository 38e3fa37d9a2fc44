"""What shows the effect of each field of `app.config`, but for those of the log."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from typing import Any, Final

from core.conftest import _working
from features.trials import Table, advance, ended, lose, note, overtaken

from qtasks.asyncio import QueueTasks, Task
from qtasks.errors import EncodeError, PluginError, ResultTimeout, WorkerExhausted
from qtasks.plugins import TaskAdding, hookimpl

SETTINGS: Final = Table("settings")


@SETTINGS.shows(usual=10, then=2, max_tasks_process=2)
async def tasks_at_a_time(app: QueueTasks) -> object:
    """How many of twenty run at once."""
    running = most = 0

    @app.task
    async def work() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1

    handles = await app.add_tasks(work.bind() for _ in range(20))
    async with _working(app):
        for handle in handles:
            await handle.wait(30)
    return most


@SETTINGS.shows(usual="new", then="success", queues=("slow", "default"))
async def a_task_of_another_queue(app: QueueTasks) -> object:
    """What becomes of it."""
    return await overtaken(app, await app.task(queue="slow")(note).add_task())


@SETTINGS.shows(usual=0, then=6, task_default_priority=6)
async def priority_of_a_task_that_names_none(app: QueueTasks) -> object:
    """Its priority."""
    return (await ended(app, app.task(note).bind())).priority


@SETTINGS.shows(usual=None, then="decoded", task_default_decode=lambda _: "decoded")
async def what_is_stored_of_a_result(app: QueueTasks) -> object:
    """What a caller reads of it."""
    return (await ended(app, app.task(note).bind())).returning


@SETTINGS.shows(usual=([1, 2], True, True), then=([1, 2], False, False), serializer="msgpack")
async def how_values_are_written(app: QueueTasks) -> object:
    """The value that comes back, and whether arguments and result look like JSON."""

    @app.task
    async def same(value: list[int]) -> list[int]:
        return value

    done = await ended(app, same.bind([1, 2]))
    assert done.record.result is not None
    return done.returning, done.record.body[:1] == b"{", done.record.result[:1] == b"{"


@SETTINGS.shows(usual="accepted", then="refused", max_message_size=1000)
async def arguments_of_2000_bytes(app: QueueTasks) -> object:
    """Whether they are accepted; the error names the limit."""

    @app.task
    async def take(text: str) -> None: ...

    await take.add_task("x" * 100)
    try:
        await take.add_task("x" * 2000)
    except EncodeError as exc:
        return "refused" if "1000" in str(exc) else exc
    return "accepted"


@SETTINGS.shows(usual=("success", False), then=("error", True), max_result_size=1000)
async def a_result_of_2000_bytes(app: QueueTasks) -> object:
    """How the task ends, and whether its error names the limit."""

    @app.task
    async def give() -> str:
        return "x" * 2000

    done = await ended(app, give.bind())
    return done.status, "1000" in (done.error or "")


@SETTINGS.shows(usual="process", then="success", running_older_tasks=True)
async def what_an_earlier_process_left(app: QueueTasks) -> object:
    """What becomes of a task of a worker whose process is provably gone, and whose lease is not over."""
    async with app:
        handle = await app.task(note).add_task()
        await lose(app, id="gone", pid_started="long ago")
        return await overtaken(app, handle)


@SETTINGS.shows(usual=True, then=False, delete_finished_tasks=True)
async def a_finished_task_at_the_next_start(app: QueueTasks) -> object:
    """Whether it is known."""
    async with app:
        done = await ended(app, app.task(note).bind())
        async with _working(app):
            return await app.read(done.id) is not None


@SETTINGS.shows(usual="success", then="process", lease=50.0)
async def a_worker_silent_for_40_s(app: QueueTasks) -> object:
    """What becomes of its task."""
    async with app:
        handle = await app.task(note).add_task()
        await lose(app)
        advance(app, 40)
        return await overtaken(app, handle)


@SETTINGS.shows(usual="success", then="new", grace=0.01)
async def what_runs_at_the_stop(app: QueueTasks) -> object:
    """What becomes of a task that needs some time yet."""
    begun = asyncio.Event()

    @app.task
    async def long() -> None:
        begun.set()
        await asyncio.sleep(0.5)

    async with app:
        async with _working(app):
            handle = await long.add_task()
            await begun.wait()
        return (await handle.refresh()).status


@SETTINGS.shows(usual="success", then="dead", max_deliveries=2)
async def a_task_that_lost_two_workers(app: QueueTasks) -> object:
    """What becomes of it."""
    async with app:
        handle = await app.task(note).add_task()
        for _ in range(2):
            await lose(app)
            advance(app, 61)
        return await overtaken(app, handle)


@SETTINGS.shows(usual="delayed", then="dead", unknown_grace=60.0)
async def a_name_that_nobody_knows(app: QueueTasks) -> object:
    """What becomes of it after two minutes and a turn."""
    app.config.max_deliveries = 1
    async with app:
        handle = await app.add_task("nobody.knows")
        async with _working(app), asyncio.timeout(30):
            while not (await handle.refresh()).record.turns:
                await asyncio.sleep(0.005)
        advance(app, 120)
        return await overtaken(app, handle)


@SETTINGS.shows(usual=True, then=False, result_ttl=5.0)
async def a_record_six_seconds_after_the_end(app: QueueTasks) -> object:
    """Whether it is there."""
    done = await ended(app, app.task(note).bind())
    advance(app, 6)
    return await app.read(done.id) is not None


@SETTINGS.shows(usual=True, then=False, dead_ttl=5.0)
async def a_dead_letter_six_seconds_after_the_end(app: QueueTasks) -> object:
    """Whether it is there."""
    handle = await app.task(expires=1)(note).add_task()
    advance(app, 2)
    assert await overtaken(app, handle) == "dead"
    advance(app, 6)
    return await app.read(handle.id) is not None


@SETTINGS.shows(usual=3, then=1, max_dead=1)
async def dead_letters_that_are_kept(app: QueueTasks) -> object:
    """How many of three are left by a worker that starts, which has two seconds for it."""
    late = app.task(expires=1)(note)
    handles = [await late.add_task() for _ in range(3)]
    advance(app, 2)
    assert await overtaken(app, handles[-1]) == "dead"
    async with _working(app):
        patience = 2.0 if app.config.max_dead > len(handles) else 30.0
        end = time.monotonic() + patience
        while len(await app.dead.tasks()) == len(handles) and time.monotonic() < end:
            await asyncio.sleep(0.005)
    return len(await app.dead.tasks())


@SETTINGS.shows(usual="success", then="process", result_statuses_end=("process",))
async def what_ends_a_wait(app: QueueTasks) -> object:
    """The status that a waiter gets of a task that runs for half a second."""

    @app.task
    async def hold() -> None:
        await asyncio.sleep(0.5)

    async with _working(app):
        return (await (await hold.add_task()).wait(30)).status


class Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.lines.append(record.getMessage())


@SETTINGS.shows(usual=False, then=True, blocked_loop_time=0.02)
async def a_loop_blocked_for_a_second(app: QueueTasks) -> object:
    """Whether the log tells of it."""
    kept = Lines()
    app.log.addHandler(kept)

    @app.task
    async def block() -> None:
        end = time.monotonic() + (1.0 if app.config.blocked_loop_time > 1.0 else 30.0)
        while not kept.lines and time.monotonic() < end:
            time.sleep(0.01)  # noqa: ASYNC251 - to block is what it is for

    try:
        await ended(app, block.bind())
    finally:
        app.log.removeHandler(kept)
    return any("0.02 s" in line for line in kept.lines)


@SETTINGS.shows(usual="goes on", then="is exhausted", max_abandoned=1)
async def a_worker_with_a_body_that_clings(app: QueueTasks) -> object:
    """Whether it goes on."""
    let_go = asyncio.Event()

    @app.task(max_time=0.02)
    async def cling() -> None:
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue

    work = asyncio.create_task(app.run())
    await (await cling.add_task()).wait(30)
    await asyncio.wait({work}, timeout=3.0 if app.config.max_abandoned > 1 else 30.0)
    outcome = "is exhausted" if work.done() else "goes on"
    let_go.set()
    try:
        await app.stop()
        await work
    except WorkerExhausted:
        return outcome
    return outcome


@SETTINGS.shows(usual="is sent", then="is refused", hook_timeout=0.02)
async def a_task_with_a_slow_hook(app: QueueTasks) -> object:
    """What becomes of a call whose hook takes 0.3 s; the error names the limit."""

    class Slow:
        @hookimpl
        async def qtasks_add_task_before_broker(self, event: TaskAdding) -> None:  # noqa: ARG002
            await asyncio.sleep(0.3)

    app.add_plugin(Slow())
    try:
        await app.task(note).add_task()
    except PluginError as exc:
        return "is refused" if "0.02" in str(exc) else exc
    return "is sent"


FILES: Final = Table("settings of a file")
"""Those that only a place that several processes share can show."""


@FILES.shows(usual="success", then="is waited for", result_time_interval=60.0)
async def an_outcome_that_nobody_tells_of(app: QueueTasks) -> object:
    """What a waiter sees of a record that another program has changed, two and a half seconds later."""
    app.config.queues = ("told",)
    async with app:
        silent = await app.task(note).add_task()
        waiting = asyncio.create_task(_seen(silent, 2.5))
        told = await app.task(name="told", queue="told")(note).add_task()
        async with _working(app):
            await told.wait(30)  # by the same reading as the other waiter, which has begun to wait by then
        await asyncio.to_thread(_succeed_unheard, app, silent.id)
        return await waiting


async def _seen(handle: Task[Any], seconds: float) -> str:
    try:
        return str((await handle.wait(seconds)).status)
    except ResultTimeout:
        return "is waited for"


def _succeed_unheard(app: QueueTasks, task_id: str) -> None:
    """Write an outcome into the file, past everything that would tell of it."""
    assert app.url is not None
    ended_at = app.clock.now()
    text = "UPDATE task SET status = 'success', turn = NULL, remove_at = 1e12, finished_at = ? WHERE id = ?"
    with sqlite3.connect(app.url.removeprefix("sqlite:///")) as file:
        assert file.execute(text, (ended_at, task_id)).rowcount == 1
    file.close()
