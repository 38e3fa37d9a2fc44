"""Where two features meet, or a user does what nobody expects."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest
from core.conftest import Working
from features.conftest import begun, until

from qtasks import Unique
from qtasks.asyncio import AsyncTask, QueueTasks
from qtasks.errors import ConfigError, TaskFailed, UsageError
from qtasks.plugins import TaskAdding, hookimpl
from qtasks.rates import Limited


async def test_a_chain_that_is_sent_again_is_the_same_chain(app: QueueTasks, working: Working) -> None:
    """With `.options(id=…)` its later steps have the same ids too, and run once."""
    ran: list[int] = []

    @app.task
    async def add(a: int, b: int) -> int:
        ran.append(a)
        return a + b

    chain = app.chain(add.options(id=uuid4()).bind(1, 2), add.step(10))
    async with working(app):
        first, second = await chain.add_task(), await chain.add_task()
        assert await first.result(30) == await second.result(30) == 13

    assert first.ids == second.ids
    assert ran == [1, 10]


async def test_a_plugin_that_adds_to_a_message_keeps_the_chain(app: QueueTasks, working: Working) -> None:
    """What it puts beside the arguments joins what is there."""

    class Tracing:
        @hookimpl
        def qtasks_add_task_before_broker(self, event: TaskAdding) -> TaskAdding:
            return event.replace(extra={"trace": "1"})

    app.add_plugin(Tracing())

    @app.task
    async def add(a: int, b: int) -> int:
        return a + b

    async with working(app):
        assert await (await app.chain(add.bind(1, 2), add.step(10)).add_task()).result(30) == 13


async def test_a_later_step_is_what_its_task_says(app: QueueTasks, working: Working) -> None:
    """Its queue and priority, as if it were sent by itself; `unique` ends no chain."""
    app.config.queues = ("default", "other")

    @app.task
    async def first() -> int:
        return 1

    @app.task(queue="other", priority=6, unique="only")
    async def second(value: int) -> int:
        return value + 1

    waiting = await second.options(delay=60).add_task(0)
    async with working(app):
        done = await app.chain(first.bind(), second.step()).get(timeout=30)

    assert (done[1].queue, done[1].priority, done[1].returning) == ("other", 6, 2)
    assert (await waiting.refresh()).status == "delayed"


async def test_the_order_of_dicts_and_sets_does_not_count(app: QueueTasks) -> None:
    """Equal arguments are one task, however they were made."""

    @app.task(unique=True)
    async def load(where: dict[str, int], tags: set[str]) -> None: ...

    first = await load.add_task({"a": 1, "b": 2}, {"x", "y", "z"})
    second = await load.add_task({"b": 2, "a": 1}, {"z", "y", "x"})

    assert first.id == second.id


async def test_words_that_cannot_be_written_hold_nobody_up(app: QueueTasks, working: Working) -> None:
    """A lone surrogate in a note or a reason is escaped, and other bodies are heard."""

    @app.task(echo=True)
    async def odd(self: AsyncTask[Any, Any]) -> None:
        self.ctx.progress(0.5, "file \udcff")
        self.ctx.cancel("no \udcff")

    @app.task(echo=True)
    async def usual(self: AsyncTask[Any, Any]) -> None:
        self.ctx.progress(1, "fine")

    async with working(app):
        one, other = await odd.add_task(), await usual.add_task()
        ended, done = await one.wait(30), await other.wait(30)

    assert (ended.status, ended.note, ended.reason) == ("cancel", "file \\udcff", "no \\udcff")
    assert (done.status, done.note) == ("success", "fine")


@pytest.mark.parametrize("executor", ["loop", "thread"])
async def test_a_handler_that_stops_is_an_error(app: QueueTasks, working: Working, executor: str) -> None:
    """StopIteration of a handler does not pass for the end of the body."""

    def stop(value: int) -> None:
        raise StopIteration(value)

    @app.task(generate_handler=stop, executor=executor)
    def numbers() -> Iterator[int]:
        yield 1
        yield 2

    async with working(app):
        assert (await (await numbers.add_task()).wait(30)).status == "error"


async def test_a_plain_generator_on_the_loop_is_closed(app: QueueTasks, working: Working) -> None:
    """When it is cancelled while its handler waits, its `finally` runs."""
    waiting, closed = asyncio.Event(), asyncio.Event()

    async def handle(_value: int) -> None:
        waiting.set()
        await asyncio.sleep(60)

    @app.task(generate_handler=handle, executor="loop")
    def numbers() -> Iterator[int]:
        try:
            yield 1
        finally:
            closed.set()

    async with working(app), asyncio.timeout(30):
        task = await numbers.add_task()
        await waiting.wait()
        await task.cancel()
        assert (await task.wait(30)).status == "cancel"
        await closed.wait()


async def test_an_async_body_in_a_thread_reaches_the_app(app: QueueTasks, working: Working) -> None:
    """Its context and its calls go to the loop of the worker, from the loop of its own."""

    @app.task
    async def double(a: int) -> int:
        return 2 * a

    @app.task(echo=True, executor="thread")
    async def ask(self: AsyncTask[Any, Any]) -> list[Any]:
        me = await self.ctx.get_metadata()
        other = await self.add_task(4, task_name="double")
        return [me.status.value, await other.result(30)]

    async with working(app):
        assert await (await ask.add_task()).result(30) == ["process", 8]


async def test_an_async_body_in_a_thread_is_cancelled_while_it_waits(
    app: QueueTasks, working: Working
) -> None:
    """It runs no line of Python then, and ends all the same, with its `finally` blocks."""
    waits, cleaned = threading.Event(), threading.Event()

    @app.task(executor="thread")
    async def sleep() -> None:
        try:
            waits.set()
            await asyncio.sleep(60)
        finally:
            cleaned.set()

    async with working(app):
        task = await sleep.add_task()
        await until(waits.is_set)
        await task.cancel("enough")
        assert (await task.wait(30)).status == "cancel"
        await until(cleaned.is_set)


async def test_an_async_body_in_a_thread_may_be_cancelled_at_any_moment(
    app: QueueTasks, working: Working
) -> None:
    """Also while its loop is being made: nothing is left open."""

    @app.task(executor="thread")
    async def sleep() -> None:
        await asyncio.sleep(60)

    async with working(app):
        for _ in range(10):
            task = await sleep.add_task()
            await begun(task)
            await task.cancel()
            assert (await task.wait(30)).status == "cancel"


async def test_a_limit_whose_key_cannot_be_told_is_an_error(app: QueueTasks, working: Working) -> None:
    """What the function of `limit_by` raises ends the task, and not its worker's patience."""

    def key(account: str) -> str:
        raise LookupError(f"no key for {len(account)} letters")

    @app.task(concurrency=1, limit_by=key)
    async def work(account: str) -> None: ...

    async with working(app):
        with pytest.raises(TaskFailed, match="no key for 3 letters"):
            await (await work.add_task("ann")).result(30)


@pytest.mark.parametrize(("concurrency", "rate_limit"), [(1, None), (None, "1/h")])
async def test_a_limit_is_never_counted_by_an_address(
    app: QueueTasks, working: Working, concurrency: int | None, rate_limit: str | None
) -> None:
    """An object that cannot be written would be another key in each call, so it would limit nothing."""

    @app.task(limit_by=_an_object, concurrency=concurrency, rate_limit=rate_limit)
    async def work(account: str) -> None: ...

    async with working(app):
        with pytest.raises(TaskFailed, match="what limit_by counts by cannot be written"):
            await (await work.add_task("ann")).result(30)


def test_the_key_of_a_limit_is_the_same_in_every_process() -> None:
    """Whatever the order of a set is there; and text is no number."""
    limited = Limited.of(None, 1, "who")
    assert limited is not None
    keys = [
        limited.ask("work", "id", "worker", {"who": who}).key
        for who in ({0, 8}, {8, 0}, 1, "1", {"a": 1, "b": 2}, {"b": 2, "a": 1})
    ]
    assert str({0, 8}) != str({8, 0})
    assert keys[0] == keys[1]
    assert keys[2] != keys[3]
    assert keys[4] == keys[5]


async def test_many_wait_for_a_place_without_delay(app: QueueTasks, working: Working) -> None:
    """Fifty short bodies one at a time: a place that is free is taken soon."""

    @app.task(concurrency=1)
    async def work() -> None: ...

    async with working(app), asyncio.timeout(30):
        for task in await app.add_tasks(work.bind() for _ in range(50)):
            assert (await task.wait(30)).status == "success"


async def test_a_wish_that_comes_with_the_fetch_counts(app: QueueTasks, working: Working) -> None:
    """Cancelled in the moment in which workers take it: it ends, and none is left in hand."""

    @app.task
    async def sleep() -> None:
        await asyncio.sleep(60)

    async with working(app), asyncio.timeout(30):
        tasks = []
        for _ in range(20):
            task = await sleep.add_task()
            await asyncio.sleep(0)
            await task.cancel()
            tasks.append(task)
        assert {(await task.wait(30)).status.value for task in tasks} == {"cancel"}


async def test_a_stream_ends_with_its_listener(app: QueueTasks, working: Working) -> None:
    """Who stops to listen in the middle leaves nothing behind, and the task goes on."""

    @app.task
    async def numbers() -> AsyncIterator[int]:
        for number in range(100):
            yield number
            await asyncio.sleep(0)

    async with working(app), asyncio.timeout(30):
        task = await numbers.add_task()
        async for number in task.stream():
            if number == 3:
                break
        assert await task.result(30) == list(range(100))


async def test_a_chain_that_is_kept_away_is_told(app: QueueTasks) -> None:
    """Its first step is unique, and another task has its place: the later steps would be lost."""

    @app.task(unique="only")
    async def first() -> int:
        return 1

    @app.task
    async def second(value: int) -> int:
        return value

    await first.add_task()
    with pytest.raises(UsageError, match="keeps the first step away"):
        await app.chain(first.bind(), second.step()).add_task()


@pytest.mark.parametrize(
    "options",
    [{"concurrency": 1, "limit_by": "acount"}, {"unique": Unique(args=["acount"])}],
    ids=["limit_by", "unique"],
)
def test_a_misspelt_parameter_is_found_at_registration(options: dict[str, Any]) -> None:
    """It would make one limit for all, or fail at each call."""

    async def work(account: str) -> None: ...

    with pytest.raises(ConfigError, match=r"'acount'.*account"):
        QueueTasks("x", "memory://").task(**options)(work)


async def test_a_bound_call_takes_nothing_more(app: QueueTasks) -> None:
    """What is written beside it would be ignored."""

    @app.task
    async def work(a: int) -> None: ...

    add: Any = app.add_task
    with pytest.raises(UsageError, match="already"):
        await add(work.bind(1), 2)
    with pytest.raises(UsageError, match="already"):
        await add(work.bind(1), priority=9)
    add = app.add_tasks
    with pytest.raises(UsageError, match="bound calls"):
        await add(["work"])


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "x"])
async def test_a_limit_is_a_whole_number(app: QueueTasks, wrong: Any) -> None:
    """For `find` and for `peek`; an unknown status is named too."""
    with pytest.raises(ConfigError, match="limit"):
        await app.find(limit=wrong)
    with pytest.raises(ConfigError, match="limit"):
        await app.queues.peek("default", wrong)
    with pytest.raises(ConfigError, match="status is one of"):
        await app.find(status="nonsense")


async def test_a_stream_gives_what_was_yielded(app: QueueTasks, working: Working) -> None:
    """Also where `decode` makes something else of the list."""

    @app.task(decode=lambda values: [*values, "more"])
    async def numbers() -> AsyncIterator[int]:
        for number in range(3):
            yield number

    async with working(app), asyncio.timeout(30):
        task = await numbers.add_task()
        assert [number async for number in task.stream()] == [0, 1, 2]
        assert await task.result(30) == [0, 1, 2, "more"]


async def test_a_function_that_tells_no_parameters_may_be_unique(app: QueueTasks) -> None:
    """Such as one that is written in C: what it is given counts by its place."""
    greatest = app.task(name="greatest", unique=True)(max)
    send: Any = greatest.add_task

    assert (await send(1, 2)).id == (await send(1, 2)).id
    assert (await send(1, 2)).id != (await send(2, 1)).id


async def test_a_number_too_large_for_a_float_is_refused(app: QueueTasks, working: Working) -> None:
    """As progress, in the body; as a pause between runs, at registration."""

    @app.task(echo=True)
    async def report(self: AsyncTask[Any, Any]) -> None:
        self.ctx.progress(10**400)

    async with working(app):
        with pytest.raises(TaskFailed, match="from 0 to 1"):
            await (await report.add_task()).result(30)
    with pytest.raises(ConfigError, match="backoff"):
        app.task(name="other", retry=1, backoff=10**400)(print)


def _an_object(account: str) -> object:  # noqa: ARG001 - its answer is what matters
    return object()
