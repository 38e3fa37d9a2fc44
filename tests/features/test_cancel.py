"""`app.cancel`: what waits never runs, what runs is interrupted."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from uuid import uuid4

import pytest
from core.conftest import Working
from features import lasting
from features.conftest import begun, until

from qtasks.asyncio import AsyncTask, QueueTasks
from qtasks.errors import TaskCancelled, TaskNotFound
from qtasks.models import Cancelled
from qtasks.worker import engine


async def test_a_waiting_task_never_runs(app: QueueTasks, working: Working) -> None:
    """Queued or delayed, it is `cancel` at once, and whoever waits is told the reason."""
    ran: list[int] = []

    @app.task
    async def note(number: int) -> None:
        ran.append(number)

    queued = await note.add_task(1)
    delayed = await note.options(delay=0.2).add_task(2)

    assert await queued.cancel("not needed") is Cancelled.ENDED
    assert await app.cancel(delayed.id) is Cancelled.ENDED
    with pytest.raises(TaskCancelled, match="not needed"):
        await queued.result(30)
    async with working(app):
        await (await note.options(delay=0.4).add_task(3)).wait(30)

    assert ran == [3]
    assert (await delayed.refresh()).status == "cancel"


async def test_a_task_between_two_runs_does_not_run_again(app: QueueTasks, working: Working) -> None:
    """While it waits for its next attempt it is cancelled like any other that waits."""
    runs = 0

    @app.task(retry=3, backoff=0.3)
    async def fail() -> None:
        nonlocal runs
        runs += 1
        raise OSError

    @app.task
    async def after() -> None: ...

    async with working(app):
        task = await fail.add_task()
        await task.wait(30, until={task.status.RETRY})
        assert await task.cancel() is Cancelled.ENDED
        await (await after.options(delay=0.5).add_task()).wait(30)

    assert (runs, (await task.refresh()).status) == (1, "cancel")


async def test_an_async_body_is_cancelled_and_cleans_up(app: QueueTasks, working: Working) -> None:
    """Its `finally` blocks run, and its slot is free again."""
    cleaned: list[str] = []
    app.config.max_tasks_process = 1

    @app.task
    async def sleep() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.append("clean")

    @app.task
    async def after() -> str:
        return "ran"

    async with working(app):
        task = await sleep.add_task()
        await begun(task)
        assert await task.cancel("enough") is Cancelled.ASKED
        done = await task.wait(30)
        assert (await after.add_task(timeout=30)).returning == "ran"

    assert (done.status, done.reason, done.attempts, cleaned) == ("cancel", "enough", 1, ["clean"])


async def test_a_body_in_a_thread_is_interrupted(app: QueueTasks, working: Working) -> None:
    """At its next line of Python."""

    @app.task
    def spin() -> None:
        while True:
            time.sleep(0.005)

    async with working(app):
        task = await spin.add_task()
        await begun(task)
        await task.cancel("enough")
        done = await task.wait(30)

    assert (done.status, done.reason) == ("cancel", "enough")


async def test_a_body_that_ignores_it_is_cancelled_all_the_same(app: QueueTasks, working: Working) -> None:
    """One that returns a value after its interruption is `cancel`, not `success`."""

    @app.task
    async def stubborn() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "I do not care"
        return "never"

    async with working(app):
        task = await stubborn.add_task()
        await begun(task)
        await task.cancel()
        done = await task.wait(30)

    assert (done.status, done.returning) == ("cancel", None)


async def test_what_has_ended_stays_as_it_is(app: QueueTasks, working: Working) -> None:
    """A wish for a final task changes nothing."""

    @app.task
    async def quick() -> int:
        return 1

    async with working(app):
        task = await quick.add_task(timeout=30)

    assert await task.cancel() is Cancelled.FINAL
    assert (await task.refresh()).status == "success"


async def test_a_wish_for_an_unknown_id_leaves_nothing_behind(app: QueueTasks, working: Working) -> None:
    """A task that gets this id later runs."""

    @app.task
    async def quick() -> int:
        return 1

    task_id = uuid4()
    assert await app.cancel(task_id) is Cancelled.UNKNOWN
    with pytest.raises(TaskNotFound):
        await app.get(task_id)
    async with working(app):
        task = await quick.options(id=task_id).add_task()
        assert await task.result(30) == 1


async def test_a_task_may_cancel_itself(app: QueueTasks, working: Working) -> None:
    """`ctx.cancel` ends it with a reason, and its retry rules do not count."""

    @app.task(echo=True, retry=3)
    async def give_up(self: AsyncTask[..., None]) -> None:
        self.ctx.cancel("nothing to do")

    async with working(app):
        done = await give_up.add_task(timeout=30)

    assert (done.status, done.reason, done.attempts) == ("cancel", "nothing to do", 1)


async def test_a_requeued_task_forgets_the_wish(app: QueueTasks, working: Working) -> None:
    """It runs in its new life."""
    ran = asyncio.Event()

    @app.task
    async def once() -> None:
        if ran.is_set():
            return
        ran.set()
        await asyncio.sleep(60)

    async with working(app):
        task = await once.add_task()
        await until(ran.is_set)
        await task.cancel()
        assert (await task.wait(30)).status == "cancel"
        assert await app.requeue(task.id)
        done = await task.wait(30)

    assert (done.status, done.cancel_wished) == ("success", None)


def _is_stopping(app: QueueTasks) -> bool:
    """Say whether the worker has begun its grace."""
    worker = app.worker
    assert isinstance(worker, engine.AsyncWorker)
    return worker._parts is not None and worker._parts.runner._is_shutting_down


@pytest.mark.parametrize("executor", ["loop", "thread", "process"])
async def test_a_stopping_worker_hears_of_what_it_runs(
    app: QueueTasks, executor: str, tmp_path: Path
) -> None:
    """A wish during the grace ends the body at once, and with the last body the worker."""
    app.config.grace = 60.0
    task = app.task(executor=executor)(lasting.on_the_loop if executor == "loop" else lasting.line_by_line)
    work = asyncio.create_task(app.run())
    async with app:
        started = await task.add_task(str(tmp_path / "begun"))
        await until((tmp_path / "begun").exists)
        await app.stop()
        await until(lambda: _is_stopping(app))

        assert await started.cancel("on call") is Cancelled.ASKED
        await asyncio.wait_for(work, 30)
        done = await started.refresh()

    assert (done.status, done.reason, done.attempts, done.record.history) == ("cancel", "on call", 1, ())


async def test_what_cleans_up_after_the_grace_is_cancelled_too(
    app: QueueTasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wish for a body that the stop is ending makes it `cancel`: it does not go back to run again."""
    monkeypatch.setattr(engine, "CANCEL_TIME", 1.0)
    app.config.grace = 0.05
    cleans, release = asyncio.Event(), asyncio.Event()

    @app.task
    async def tidy() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cleans.set()
            await release.wait()

    work = asyncio.create_task(app.run())
    async with app:
        started = await tidy.add_task()
        await begun(started)
        await app.stop()
        await until(cleans.is_set)

        assert await started.cancel("on call") is Cancelled.ASKED
        await asyncio.wait_for(work, 30)
        done = await started.refresh()
    release.set()

    assert (done.status, done.reason, done.record.history) == ("cancel", "on call", ())
