"""`@app.task`, `@shared_task`, the task object and the context of version 1."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any

import pytest
from core.conftest import Working
from migration.conftest import BlockingWork

import qtasks
from qtasks import AsyncTask, SyncTask
from qtasks import QueueTasks as BlockingTasks
from qtasks.asyncio import QueueTasks, shared_task
from qtasks.errors import ConfigError, ResultTimeout, TaskError, UsageError
from qtasks.executors import TaskExecutor, TaskMiddleware
from qtasks.shared import SHARED, _apps
from qtasks.status import TaskStatus


@pytest.fixture
def forgotten() -> Iterator[None]:
    """Share with no app of other tests, and forget after the test what it has shared."""
    before = dict(SHARED._tasks)
    _apps.clear()
    yield
    SHARED._tasks = before
    _apps.clear()


class Middleware(TaskMiddleware):
    """Changes the first argument before the body, and the value after it."""

    async def __call__(self) -> TaskExecutor | None:
        """Double what is there."""
        executor = self.task_executor
        if executor.result is None:
            executor.args[0] *= 2
        else:
            executor.result += 1
        return executor


class Executor(TaskExecutor):
    """Runs the body in its own way."""

    async def execute(self) -> Any:
        """Add a hundred."""
        return await super().execute() + 100


class InSteps(TaskExecutor):
    """Has the three methods of version 1."""

    async def before_execute(self) -> None:
        """Change an argument."""
        self.args[0] += 1

    async def run_task(self) -> Any:
        """Run the body."""
        return 10 * await self.run()

    async def after_execute(self) -> None:
        """Change the value."""
        self.result += 5


async def test_every_option_of_the_decorator_is_taken_and_told(app: QueueTasks, working: Working) -> None:
    """And each is an attribute of the task; unknown keywords are in `extra`."""

    @app.task(
        name="all",
        priority=1,
        echo=False,
        max_time=5,
        retry=1,
        retry_on_exc=[KeyError],
        decode=str,
        tags=["test"],
        description="A test.",
        executor=Executor,
        middlewares_before=[Middleware],
        middlewares_after=[Middleware],
        test="test",
    )
    async def everything(number: int) -> Any:
        return number

    task = everything
    assert isinstance(task, AsyncTask)
    assert (task.task_name, task.priority, task.echo, task.max_time) == ("all", 1, False, 5)
    assert app.tasks["all"].options.priority == 1
    assert (task.retry, task.retry_on_exc, task.decode) == (1, (KeyError,), str)
    assert (task.tags, task.description, task.executor) == (("test",), "A test.", Executor)
    assert (task.middlewares_before, task.middlewares_after) == ((Middleware,),) * 2
    assert (task.extra, task.generate_handler) == ({"test": "test"}, None)
    async with working(app):
        ended = await task.add_task(1, timeout=30)
    assert (ended.returning, ended.priority) == ("103", 1)


def test_a_name_that_is_taken_is_a_value_error(blocking: BlockingTasks) -> None:
    """As in version 1."""
    blocking.task(name="test")(lambda: None)
    with pytest.raises(ValueError, match="'test'"):
        blocking.task(name="test")(lambda: 2)


async def test_echo_gives_an_async_body_an_async_task(app: QueueTasks, working: Working) -> None:
    """Also an async generator, which got a SyncTask in version 1; a plain body gets a SyncTask."""

    @app.task(echo=True)
    async def body(self: Any) -> str:
        return type(self).__name__

    @app.task(echo=True)
    async def generator(self: Any) -> AsyncIterator[str]:
        yield type(self).__name__

    @app.task(echo=True)
    def plain(self: Any) -> str:
        return type(self).__name__

    async with working(app):
        assert (await body.add_task(timeout=30)).returning == "AsyncTask"
        assert (await generator.add_task(timeout=30)).returning == ["AsyncTask"]
        assert (await plain.add_task(timeout=30)).returning == "SyncTask"


def test_echo_asks_the_function_and_not_the_app(blocking: BlockingTasks, at_work: BlockingWork) -> None:
    """An async body of a blocking app gets an AsyncTask; version 1 gave it a SyncTask."""

    @blocking.task(echo=True)
    async def body(self: Any) -> str:
        await self.ctx.sleep(0)
        return type(self).__name__

    with at_work(blocking):
        assert body.add_task(timeout=30).returning == "AsyncTask"


async def test_max_time_ends_a_plain_function(app: QueueTasks, working: Working) -> None:
    """In an asynchronous app of version 1 it had no effect on one."""

    @app.task(max_time=0.2)
    def slow() -> None:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            time.sleep(0.01)

    async with working(app):
        task = await slow.add_task(timeout=30)
    assert (task.status, "TimeoutError" in str(task.error)) == (TaskStatus.ERROR, True)


async def test_retries_keep_one_record_and_match_subclasses(app: QueueTasks, working: Working) -> None:
    """In version 1 each run had a record, and `[Exception]` did not match a KeyError."""

    @app.task(retry=2, retry_on_exc=[Exception])
    async def failing() -> None:
        raise KeyError("test")

    async with working(app):
        task = await failing.add_task(timeout=30)
        assert [one.id for one in await app.find()] == [task.id]
    assert (task.status, task.attempts) == (TaskStatus.ERROR, 3)
    assert [event.end for event in task.record.history] == ["retry", "retry"]


async def test_decode_says_what_is_stored(app: QueueTasks, working: Working) -> None:
    """Any value; `json.dumps` of version 1 now leaves text, which nobody takes apart again."""

    @app.task(decode=json.dumps)
    async def as_text() -> Any:
        return {"a": 1}

    @app.task(decode=sorted)
    async def in_order() -> list[int]:
        return [2, 1]

    async with working(app):
        assert (await as_text.add_task(timeout=30)).returning == '{"a": 1}'
        assert (await in_order.add_task(timeout=30)).returning == [1, 2]


async def test_generators_give_a_list_and_hear_the_handler(app: QueueTasks, working: Working) -> None:
    """In version 1 the answer of the handler was lost."""

    async def plus_two(value: int) -> int:
        return value + 2

    @app.task(generate_handler=plus_two)
    async def counting(number: int) -> AsyncGenerator[int, int]:
        for _ in range(3):
            number = yield number

    @app.task
    def plain() -> Iterator[int]:
        yield from (1, 2)

    assert counting.generate_handler is plus_two
    async with working(app):
        assert (await counting.add_task(1, timeout=30)).returning == [1, 3, 5]
        assert (await plain.add_task(timeout=30)).returning == [1, 2]


def test_a_handler_of_nothing_is_refused(blocking: BlockingTasks) -> None:
    """Version 1 ignored `generate_handler` where nothing is yielded."""
    with pytest.raises(TaskError, match="yields"):
        blocking.task(generate_handler=str)(test_a_handler_of_nothing_is_refused)


async def test_the_steps_of_an_executor_are_called(app: QueueTasks, working: Working) -> None:
    """`before_execute`, `run_task`, `after_execute`, in this order."""

    @app.task(executor=InSteps)
    def same(number: int) -> int:
        return number

    async with working(app):
        assert (await same.add_task(1, timeout=30)).returning == 25


class Replacing(TaskMiddleware):
    """Goes on with another executor."""

    def __call__(self) -> Any:
        """Return one whose body gets another argument."""
        old = self.task_executor
        return type(old)(old.task_func, old.task_broker, [5], {}, run=old._run, extra=old.extra, ctx=old.ctx)


async def test_a_middleware_may_replace_the_executor(app: QueueTasks, working: Working) -> None:
    """In version 1 the replacement was forgotten."""

    @app.task(middlewares_before=[Replacing])
    async def same(number: int) -> int:
        return number

    async with working(app):
        assert (await same.add_task(1, timeout=30)).returning == 5


async def test_a_task_can_be_called_and_bound(app: QueueTasks, working: Working) -> None:
    """The call runs the function; in version 1 it made what `bind` makes here."""

    @app.task
    async def double(number: int) -> int:
        return 2 * number

    assert await double(2) == 4
    call = double.bind(3)
    assert (call.task_name, call.args, dict(call.kwargs)) == ("double", (3,), {})
    async with working(app):
        assert (await app.add_task(call, timeout=30)).returning == 6


@pytest.mark.usefixtures("forgotten")
def test_shared_tasks_block_or_are_awaited() -> None:
    """Each kind has its import; `awaiting=` says which."""
    blocking = BlockingTasks("x", "memory://", plugins=False)
    plain = qtasks.shared_task(name="plain", max_time=3)(lambda: None)
    awaited = shared_task(name="awaited")(lambda: None)

    assert (type(plain), type(awaited)) == (SyncTask, AsyncTask)
    assert (plain.max_time, {"plain", "awaited"} <= blocking.tasks.keys()) == (3, True)
    for value in (True, False):
        with pytest.raises(ConfigError, match=r"from qtasks\.asyncio import shared_task"):
            qtasks.shared_task(name="other", awaiting=value)(lambda: None)
    assert "other" not in blocking.tasks


async def test_the_context_has_the_members_of_version_1(app: QueueTasks, working: Working) -> None:
    """Fields, logger, settings, metadata, other tasks, sleep and components."""
    seen = dict[str, Any]()

    @app.task
    async def child(number: int) -> int:
        return number + 1

    @app.task(echo=True)
    async def parent(self: AsyncTask[..., Any, Any]) -> int:
        ctx = self.ctx
        seen.update(name=ctx.task_name, uuid=ctx.task_uuid, handler=ctx.generate_handler)
        seen.update(log=ctx.get_logger(), named=ctx.get_logger(name="own"), config=ctx.get_config())
        seen.update(own=await ctx.get_metadata(cache=True), storage=ctx.get_component("storage"))
        with pytest.raises(UsageError, match="global_config, log, plugins"):
            ctx.get_component("timer")
        seen.update(config_of_all=ctx.get_component("global_config"), worker=ctx.get_component("worker"))
        await ctx.sleep(0)
        other = await self.add_task(1, task_name="child", timeout=30)
        seen.update(other=await ctx.get_task(other.uuid))
        return int(other.value())

    async with working(app):
        task = await parent.add_task(timeout=30)
        assert task.returning == 2
        assert (seen["name"], seen["uuid"], seen["handler"]) == ("parent", task.uuid, None)
        assert isinstance(seen["log"], logging.Logger)
        assert seen["named"].name.endswith("own")
        assert seen["config"] is app.config
        assert (seen["own"].id, seen["other"].task_name) == (task.id, "child")
        assert (seen["storage"], seen["worker"]) == (app.storage, app.worker)
        assert seen["config_of_all"] is app.storage.global_config


async def test_a_body_cancels_itself(app: QueueTasks, working: Working) -> None:
    """`ctx.cancel(reason)`: the reason stays text, which version 1 made a number of."""

    @app.task(echo=True)
    async def giving_up(self: AsyncTask[..., Any, Any]) -> None:
        self.ctx.cancel("123")

    async with working(app):
        task = await giving_up.add_task(timeout=30)
    assert (task.status, task.reason) == (TaskStatus.CANCEL, "123")


async def test_plugin_error_without_a_plugin_ends_in_error(app: QueueTasks, working: Working) -> None:
    """The exception has the name of version 1."""

    @app.task(echo=True)
    async def asking(self: AsyncTask[..., Any, Any]) -> None:
        self.ctx.plugin_error(code=3)

    async with working(app):
        task = await asking.add_task(timeout=30)
    assert (task.status, "TaskPluginTriggerError" in str(task.error)) == (TaskStatus.ERROR, True)


def test_the_context_of_a_blocking_body(blocking: BlockingTasks, at_work: BlockingWork) -> None:
    """The same members, without await."""

    @blocking.task
    def child(number: int) -> int:
        return number + 1

    @blocking.task(echo=True)
    def parent(self: SyncTask[..., Any, Any]) -> list[Any]:
        self.ctx.sleep(0)
        other = self.add_task(1, task_name="child", timeout=30)
        own = self.ctx.get_metadata(cache=True)
        return [other.value(), self.ctx.get_task(other.uuid).task_name, own.task_name]

    with at_work(blocking):
        assert parent.add_task(timeout=30).returning == [2, "child", "parent"]
    with pytest.raises(UsageError, match="echo=True"):
        _ = parent.ctx


async def test_a_pydantic_model_is_an_argument(app: QueueTasks, working: Working) -> None:
    """The model or a dict of its fields; version 1 took the fields as arguments, and wrong ones as well."""
    pydantic = pytest.importorskip("pydantic")
    item = pydantic.create_model("Item", name=(str, ...), value=(int, ...))

    async def name_of(item: Any) -> str:
        return f"{type(item).__name__} {item.name}"

    name_of.__annotations__["item"] = item
    task = app.task(name_of)
    async with working(app):
        assert (await task.add_task(item(name="a", value=1), timeout=30)).returning == "Item a"
        assert (await task.add_task({"name": "b", "value": 1}, timeout=30)).returning == "Item b"
        wrong = await task.add_task({"name": "b", "value": "x"}, timeout=30)
    assert wrong.status is TaskStatus.ERROR


async def test_slots_are_held_while_a_task_waits_for_another(app: QueueTasks, working: Working) -> None:
    """As in version 1: the wait has a limit of its own."""
    app.config.max_tasks_process = 1

    @app.task(echo=True)
    async def parent(self: AsyncTask[..., Any, Any]) -> str:
        try:
            await self.add_task(task_name="parent", timeout=0.1)
        except ResultTimeout:
            self.ctx.cancel("nobody was free")
        return "free"

    async with working(app):
        assert (await parent.add_task(timeout=30)).reason == "nobody was free"
