"""`echo=True`: what a running body can ask and tell, on the loop and in a thread."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from core.conftest import Working
from features.conftest import begun, until

from qtasks.asyncio import AsyncTask, QueueTasks
from qtasks.errors import TaskFailed, UsageError
from qtasks.plugins import ResultAnswer, TriggerError, hookimpl
from qtasks.sync import QueueTasks as BlockingApp
from qtasks.sync import SyncTask


async def test_a_body_knows_what_it_is(app: QueueTasks, working: Working) -> None:
    """Name, id, queue, priority and number of the run."""

    @app.task(echo=True, retry=1, backoff=0.01)
    async def tell(self: AsyncTask[Any, Any], a: int) -> dict[str, Any]:
        ctx = self.ctx
        if ctx.attempt == 1:
            raise OSError
        names = [ctx.task_name, str(ctx.task_uuid), ctx.queue]
        return {"names": names, "numbers": [ctx.priority, ctx.attempt, a]}

    async with working(app):
        task = await tell.options(priority=4).add_task(7)
        value = await task.result(30)

    assert value == {"names": ["tell", task.id, "default"], "numbers": [4, 2, 7]}


async def test_a_plain_body_has_the_same_without_await(app: QueueTasks, working: Working) -> None:
    """In a thread, `self` is a SyncTask and its context blocks."""

    @app.task(echo=True)
    def tell(self: SyncTask[Any, Any], a: int) -> list[Any]:
        ctx = self.ctx
        ctx.sleep(0)
        me, again = ctx.get_metadata(), ctx.get_task(ctx.task_uuid)
        return [ctx.task_name, me.status.value, again.id == me.id, ctx.attempt, ctx.queue, a]

    async with working(app):
        assert await (await tell.add_task(7)).result(30) == ["tell", "process", True, 1, "default", 7]


async def test_progress_can_be_read_while_it_runs(app: QueueTasks, working: Working) -> None:
    """Share and note, from the loop and from a thread; a wrong share is an error of the body."""
    go_on = asyncio.Event()

    @app.task(echo=True)
    async def convert(self: AsyncTask[Any, Any]) -> None:
        self.ctx.progress(0.25, "page 1")
        await go_on.wait()

    @app.task(echo=True)
    def print_all(self: SyncTask[Any, Any]) -> None:
        self.ctx.progress(1, "done")

    @app.task(echo=True)
    async def wrong(self: AsyncTask[Any, Any]) -> None:
        self.ctx.progress(1.5)

    async with working(app):
        task = await convert.add_task()
        async with asyncio.timeout(30):
            while (seen := await task.refresh()).progress is None:
                await asyncio.sleep(0.005)
        go_on.set()
        done = await (await print_all.add_task()).wait(30)
        with pytest.raises(TaskFailed, match="from 0 to 1"):
            await (await wrong.add_task()).result(30)

    assert (seen.progress, seen.note, seen.status) == (0.25, "page 1", "process")
    assert (done.progress, done.note) == (1.0, "done")


async def test_a_body_knows_that_its_worker_stops(app: QueueTasks, working: Working) -> None:
    """`ctx.shutting_down` lets it end at a good place within the grace."""
    begun_too = asyncio.Event()

    @app.task(echo=True)
    async def long(self: AsyncTask[Any, Any]) -> str:
        begun_too.set()
        while not self.ctx.shutting_down:
            await asyncio.sleep(0.005)
        return "ended at a good place"

    async with working(app):
        task = await long.add_task()
        await begun_too.wait()
    async with app:
        assert await task.result(30) == "ended at a good place"


async def test_a_body_sends_tasks(app: QueueTasks, working: Working) -> None:
    """Itself again, or another one by its name."""

    @app.task
    async def double(a: int) -> int:
        return 2 * a

    @app.task(echo=True)
    async def count_down(self: AsyncTask[Any, Any], n: int) -> list[str]:
        if n == 0:
            return []
        other = await self.add_task(n, task_name="double")
        again = await self.add_task(n - 1)
        return [other.id, again.id]

    async with working(app):
        other, again = await (await count_down.add_task(3)).result(30)
        assert await (await app.get(other)).result(30) == 6
        assert (await app.get(again)).args == [2]


async def test_a_body_reaches_the_parts_of_the_app(app: QueueTasks, working: Working) -> None:
    """Logger, settings and components; an unknown one is named."""
    found: dict[str, Any] = {}

    @app.task(echo=True)
    async def look(self: AsyncTask[Any, Any]) -> str:
        ctx = self.ctx
        found["log"] = (ctx.get_logger(), ctx.get_logger("x"))
        found["config"] = ctx.get_config()
        names = ("app", "broker", "storage", "global_config", "worker", "config", "log", "starter", "plugins")
        found["parts"] = [ctx.get_component(name) for name in names]
        found["handler"] = ctx.generate_handler
        try:
            ctx.get_component("brocker")
        except UsageError as exc:
            return str(exc)
        return ""

    async with working(app):
        text = await (await look.add_task()).result(30)
        storage = app.storage
        wanted = [
            app,
            app.broker,
            storage,
            storage.global_config,
            app.worker,
            app.config,
            app.log,
            app.starter,
            app.plugins,
        ]

    assert found["log"] == (app.log.getChild("look"), app.log.getChild("x"))
    assert found["config"] is app.config
    assert found["parts"] == wanted
    assert found["handler"] is None
    assert "'brocker'" in text


async def test_plugins_say_what_a_task_returns_that_asks_them(app: QueueTasks, working: Working) -> None:
    """`ctx.plugin_error`: without an answer the task fails with it."""

    class Answering:
        @hookimpl
        def task_executor_run_task_trigger_error(self, event: TriggerError) -> ResultAnswer | None:
            return ResultAnswer(event.e.values["a"] + 1) if "a" in event.e.values else None

    app.add_plugin(Answering())

    @app.task(echo=True)
    async def ask(self: AsyncTask[Any, Any], values: dict[str, int]) -> int:
        self.ctx.plugin_error(**values)

    async with working(app):
        assert await (await ask.add_task({"a": 1})).result(30) == 2
        with pytest.raises(TaskFailed, match="TaskPluginTriggerError: b=1"):
            await (await ask.add_task({"b": 1})).result(30)


async def test_two_runs_do_not_share_a_context(app: QueueTasks, working: Working) -> None:
    """Each sees its own id, also where both run at the same time."""
    together: set[str] = set()

    @app.task(echo=True)
    async def who(self: AsyncTask[Any, Any]) -> str:
        together.add(str(self.ctx.task_uuid))
        async with asyncio.timeout(30):
            while len(together) < 2:
                await asyncio.sleep(0)
        return str(self.ctx.task_uuid)

    async with working(app):
        tasks = await app.add_tasks(who.bind() for _ in range(2))
        assert [await task.result(30) for task in tasks] == [task.id for task in tasks]


async def test_context_variables_reach_threads(app: QueueTasks, working: Working) -> None:
    """What is set where the worker was started is there in a `def` body."""
    tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant", default="none")
    tenant.set("acme")

    @app.task
    def read() -> str:
        return tenant.get()

    async with working(app):
        assert await (await read.add_task()).result(30) == "acme"


async def test_only_a_running_task_has_a_context(app: QueueTasks) -> None:
    """Called here and now the function gets the task, whose `ctx` says what is missing."""

    @app.task(echo=True)
    def name(self: SyncTask[Any, Any]) -> str:
        return self.task_name

    @app.task(echo=True)
    def context(self: SyncTask[Any, Any]) -> int:
        return self.ctx.attempt

    assert name() == "name"
    with pytest.raises(UsageError, match="echo=True"):
        context()


async def test_a_blocked_loop_is_told_with_its_stack(
    app: QueueTasks, working: Working, caplog: pytest.LogCaptureFixture
) -> None:
    """Once for each time, with the place that blocks and the tasks that run."""
    app.config.blocked_loop_time = 0.5

    def told() -> list[logging.LogRecord]:
        return [record for record in caplog.records if "blocked" in record.message]

    @app.task
    async def block() -> None:
        import time

        end = time.monotonic() + 30
        while not told() and time.monotonic() < end:
            time.sleep(0.01)  # noqa: ASYNC251 - to block is what it is for
        time.sleep(0.6)  # noqa: ASYNC251

    async with working(app):
        await (await block.add_task()).wait(30)
        await until(lambda: bool(told()))

    assert len(told()) == 1
    assert "in block" in told()[0].message
    assert "block (" in told()[0].message


async def test_a_wish_is_seen_while_it_is_not_heard(app: QueueTasks, working: Working) -> None:
    """A body that clings to its slot: its record says that its cancellation was wished, and why."""
    let_go = asyncio.Event()

    @app.task
    async def cling() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await let_go.wait()

    async with working(app):
        task = await cling.add_task()
        await begun(task)
        await task.cancel("please")
        assert (await task.refresh()).cancel_wished == "please"
        let_go.set()
        assert (await task.wait(30)).status == "cancel"


@pytest.mark.parametrize("what", ["sleep", "get_task", "get_metadata", "add_task", "app"])
async def test_a_plain_body_on_the_loop_is_told_what_to_do(
    app: QueueTasks, working: Working, what: str
) -> None:
    """Each blocking call would hold up the worker: the error names the task and the two ways out."""

    @app.task(executor="loop", echo=True)
    def block(self: SyncTask[Any, Any]) -> Any:
        calls: dict[str, Any] = {
            "sleep": lambda: self.ctx.sleep(0.01),
            "get_task": lambda: self.ctx.get_task(self.ctx.task_uuid),
            "get_metadata": self.ctx.get_metadata,
            "add_task": self.add_task,
            "app": BlockingApp("other", "memory://").ping,
        }
        return calls[what]()

    async with working(app):
        done = await (await block.add_task()).wait(30)

    assert "UsageError" in (done.error or "")
    assert "would block the loop" in (done.error or "")
    assert "plain function of task 'block'" in (done.error or "")
    assert "executor='thread'" in (done.error or "")
    assert "`async def`" in (done.error or "")
    assert "qtasks.asyncio" not in (done.error or "")


async def test_a_plain_generator_on_the_loop_is_told_the_same(app: QueueTasks, working: Working) -> None:
    """In the body; other code of the loop gets the advice for other code."""

    @app.task(executor="loop", echo=True)
    def values(self: SyncTask[Any, Any]) -> Iterator[int]:
        yield 1
        self.ctx.sleep(0.01)

    @app.task
    async def usual() -> None:
        BlockingApp("other", "memory://").ping()

    async with working(app):
        first = await (await values.add_task()).wait(30)
        second = await (await usual.add_task()).wait(30)

    assert "executor='thread'" in (first.error or "")
    assert "executor='thread'" not in (second.error or "")
    assert "qtasks.asyncio" in (second.error or "")
