"""What becomes of a task, from `add_task` to its result."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass

import pytest

from qtasks import TaskStatus
from qtasks.asyncio import QueueTasks
from qtasks.errors import (
    ResultGone,
    ResultTimeout,
    TaskDead,
    TaskFailed,
    TaskNotFound,
)
from qtasks.plugins import RetryAnswer, TaskErrored, hookimpl

from .conftest import Working


async def test_a_task_returns_what_its_body_returns(app: QueueTasks, working: Working) -> None:
    """The value of an async body reaches whoever waits."""

    @app.task
    async def add(a: int, b: int) -> int:
        return a + b

    async with working(app):
        assert await (await add.add_task(1, 2)).result(timeout=30) == 3


async def test_a_plain_function_runs_in_a_thread(app: QueueTasks, working: Working) -> None:
    """A `def` body does not block the loop."""

    @app.task
    def where() -> str:
        return threading.current_thread().name

    async with working(app):
        done = await where.add_task(timeout=30)

    assert done.returning is not None
    assert done.returning.startswith("qtasks-task")


async def test_the_finished_task_tells_how_it_went(app: QueueTasks, working: Working) -> None:
    """Status, attempts and times are there together with the value."""

    @app.task(name="twice")
    async def twice(x: int) -> int:
        return 2 * x

    async with working(app):
        task = await twice.add_task(21)
        done = await task.wait(timeout=30)

    assert task.status == "new"
    assert (done.status, done.returning, done.attempts, done.args) == (TaskStatus.SUCCESS, 42, 1, [21])
    assert done.started_at is not None
    assert done.finished_at is not None
    assert done.created_at <= done.started_at <= done.finished_at


async def test_a_failing_task_ends_in_error_with_its_traceback(app: QueueTasks, working: Working) -> None:
    """`result` raises TaskFailed, which holds type, message and traceback of the remote exception."""

    @app.task
    async def fail() -> None:
        raise ValueError("too small")

    async with working(app):
        task = await fail.add_task()
        with pytest.raises(TaskFailed, match="ValueError: too small") as caught:
            await task.result(timeout=30)

    assert caught.value.failure is not None
    assert "in fail" in caught.value.failure.traceback


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError(), StopIteration(1)]
)
@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_whatever_a_body_raises_is_contained(
    app: QueueTasks, working: Working, error: BaseException, kind: str
) -> None:
    """Exceptions that end programs end only the task, and the worker goes on."""

    async def on_the_loop() -> None:
        raise error

    def in_a_thread() -> None:
        raise error

    bad = app.task(name="bad")(on_the_loop if kind == "async" else in_a_thread)

    @app.task
    async def good() -> str:
        return "fine"

    async with working(app):
        ended = await bad.add_task(timeout=30)
        after = await good.add_task(timeout=30)

    assert ended.status == "error"
    assert ended.failure is not None
    expected = (
        "RuntimeError" if kind == "async" and isinstance(error, StopIteration) else type(error).__name__
    )
    assert ended.failure.type.endswith(expected)
    assert after.returning == "fine"


async def test_an_async_body_ends_at_its_max_time(app: QueueTasks, working: Working) -> None:
    """The run is cancelled and the task ends in `error` with a TimeoutError."""

    @app.task(max_time=0.1)
    async def slow() -> None:
        await asyncio.Event().wait()

    async with working(app):
        done = await slow.add_task(timeout=30)

    assert done.status == "error"
    assert "max_time of 0.1 s" in (done.error or "")


async def test_a_thread_is_interrupted_at_its_max_time(app: QueueTasks, working: Working) -> None:
    """An exception is raised in the body, which may clean up."""
    cleaned = threading.Event()

    @app.task(max_time=0.5)
    def slow() -> None:
        try:
            while True:
                time.sleep(0.01)
        finally:
            cleaned.set()

    async with working(app):
        done = await slow.add_task(timeout=30)

    assert done.status == "error"
    assert await asyncio.to_thread(cleaned.wait, 30)


async def test_a_body_that_swallows_its_cancellation_loses_its_slot(
    app: QueueTasks, working: Working
) -> None:
    """The time-out is recorded all the same and the only slot is filled anew."""
    app.config.max_tasks_process = 1
    release = asyncio.Event()

    @app.task(max_time=0.1)
    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    @app.task
    async def other() -> int:
        return 1

    async with working(app):
        first = await stubborn.add_task()
        second = await other.add_task()
        assert await second.result(timeout=30) == 1
        assert (await first.wait(timeout=30)).status == "error"
        release.set()


async def test_failures_are_retried_as_often_as_asked(app: QueueTasks, working: Working) -> None:
    """With retry=2 the third run is the last one; one record counts all three."""
    runs = 0

    @app.task(retry=2, backoff=0.01)
    async def flaky() -> int:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise OSError("not yet")
        return runs

    async with working(app):
        done = await flaky.add_task(timeout=30)

    assert (done.status, done.returning, done.attempts) == ("success", 3, 3)
    assert [event.end for event in done.record.history] == ["retry", "retry"]


async def test_only_the_named_exceptions_are_retried(app: QueueTasks, working: Working) -> None:
    """`retry_on_exc` holds for subclasses too, and for nothing else."""
    runs: list[str] = []

    @app.task(retry=1, retry_on_exc=[LookupError], backoff=0.01)
    async def fail(kind: str) -> None:
        runs.append(kind)
        raise {"key": KeyError, "value": ValueError}[kind](kind)

    async with working(app):
        await fail.add_task("key", timeout=30)
        await fail.add_task("value", timeout=30)

    assert runs == ["key", "key", "value"]


async def test_a_delayed_task_waits_in_the_backend(app: QueueTasks, working: Working) -> None:
    """It is `delayed`, holds no slot, and starts not before its moment."""

    @app.task
    async def now() -> float:
        return time.time()

    async with working(app):
        task = await now.options(delay=0.3).add_task()
        assert task.status == "delayed"
        moment = await task.result(timeout=30)

    assert moment >= task.created_at.timestamp() + 0.3


async def test_more_urgent_tasks_start_first(app: QueueTasks, working: Working) -> None:
    """By priority, and among equals in the order in which they came."""
    app.config.max_tasks_process = 1
    order: list[str] = []

    @app.task
    async def note(name: str) -> None:
        order.append(name)

    calls = [note.options(priority=p).bind(f"{p}-{i}") for i in range(3) for p in (0, 9, 5)]
    tasks = await app.add_tasks(calls)
    async with working(app):
        for task in tasks:
            await task.wait(timeout=30)

    assert order == [f"{p}-{i}" for p in (9, 5, 0) for i in range(3)]


async def test_an_expired_task_is_not_started(app: QueueTasks, working: Working) -> None:
    """It ends `dead` and says why."""

    @app.task
    async def late() -> None:
        raise AssertionError("must not run")

    task = await late.options(expires=0.05).add_task()
    await asyncio.to_thread(time.sleep, 0.1)
    async with working(app):
        with pytest.raises(TaskDead, match="expired"):
            await task.result(timeout=30)


async def test_a_name_that_nobody_knows_goes_back_and_then_dies(app: QueueTasks, working: Working) -> None:
    """After `max_deliveries` turns and `unknown_grace` it is dead; other tasks go on meanwhile."""
    app.config.max_deliveries = 1
    app.config.unknown_grace = 0.0

    @app.task
    async def known() -> int:
        return 1

    async with working(app):
        lost = await app.add_task("no.such.task")
        assert await known.add_task(timeout=30)
        done = await lost.wait(timeout=30)

    assert (done.status, done.attempts) == ("dead", 0)
    assert "no worker knew the task 'no.such.task'" in (done.reason or "")


async def test_bytes_that_are_no_message_are_isolated(app: QueueTasks, working: Working) -> None:
    """The delivery is dead at once, and the next task runs."""
    from qtasks.ids import new_id
    from qtasks.models import Message

    @app.task
    async def good() -> int:
        return 1

    runtime = await app.connect()
    bad = [
        Message(new_id(), "good", "default", 0, body, time.time()) for body in (b"", b"hello", b"[" * 100_000)
    ]
    await runtime.dispatch.publish(bad)
    async with working(app):
        assert (await good.add_task(timeout=30)).returning == 1
        statuses = [(await (await app.get(m.id)).wait(timeout=30)).status for m in bad]

    assert statuses == ["dead"] * 3


async def test_a_result_that_cannot_be_stored_ends_in_error(app: QueueTasks, working: Working) -> None:
    """The text names what could not be written."""

    @app.task
    async def handle() -> object:
        return threading.Lock()

    async with working(app):
        done = await handle.add_task(timeout=30)

    assert done.status == "error"
    assert "lock" in (done.error or "")


@dataclass
class Point:
    """A pair of numbers."""

    x: int
    y: int


async def test_arguments_come_as_the_types_that_the_signature_names(
    app: QueueTasks, working: Working
) -> None:
    """A dataclass goes in and comes out as one."""

    @app.task
    async def swap(point: Point) -> Point:
        assert isinstance(point, Point)
        return Point(point.y, point.x)

    async with working(app):
        assert await (await swap.add_task(Point(1, 2))).result(timeout=30) == Point(2, 1)


async def test_a_wait_that_is_too_short_carries_the_task(app: QueueTasks) -> None:
    """ResultTimeout is a TimeoutError, and the task can be asked again."""

    @app.task
    async def never() -> None: ...

    with pytest.raises(ResultTimeout) as caught:
        await never.add_task(timeout=0.05)

    assert isinstance(caught.value, TimeoutError)
    assert caught.value.task is not None
    assert caught.value.task.status == "new"


async def test_an_unknown_id_and_a_removed_record_are_told_apart(app: QueueTasks, working: Working) -> None:
    """TaskNotFound for an id that nobody knows, ResultGone for a handle whose record is gone."""

    @app.task
    async def quick() -> int:
        return 1

    async with working(app):
        task = await quick.add_task()
        await task.wait(timeout=30)
    await app.flush_all()

    with pytest.raises(TaskNotFound):
        await app.get("00000000-0000-4000-8000-000000000000")
    with pytest.raises(ResultGone):
        await task.wait(timeout=30)


async def test_a_final_task_can_be_requeued(app: QueueTasks, working: Working) -> None:
    """It runs again with its counters at zero and its history kept."""
    runs = 0

    @app.task
    async def count() -> int:
        nonlocal runs
        runs += 1
        return runs

    async with working(app):
        task = await count.add_task()
        assert await task.result(timeout=30) == 1
        assert await app.requeue(task.id)
        assert await task.result(timeout=30) == 2
        done = await task.refresh()

    assert (done.attempts, done.token.epoch) == (1, 2)
    assert [event.end for event in done.record.history] == ["requeued"]


async def test_no_more_bodies_run_than_there_are_slots(app: QueueTasks, working: Working) -> None:
    """With three slots never more than three bodies run at once."""
    app.config.max_tasks_process = 3
    running = most = 0

    @app.task
    async def busy() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1

    tasks = await app.add_tasks(busy.bind() for _ in range(30))
    async with working(app):
        for task in tasks:
            await task.wait(timeout=30)

    assert most == 3


async def test_a_body_that_blocks_the_loop_stays_leased(app: QueueTasks, working: Working) -> None:
    """The lease is renewed from another thread, so a body that lasts two leases runs once."""
    runs = 0

    @app.task
    async def block() -> int:
        nonlocal runs
        runs += 1
        time.sleep(2.2)  # noqa: ASYNC251 - the point of the test
        return runs

    async with working(app):
        done = await block.add_task(timeout=30)

    assert (done.returning, done.losses, runs) == (1, 0, 1)


async def test_what_runs_at_a_stop_is_given_back_without_counting(url: str, working: Working) -> None:
    """After the grace period the task goes back, and the next worker finds its counters untouched."""
    app = QueueTasks("tests", broker_url=url if url != "memory://" else "memory://stop", plugins=False)
    app.config.grace = 0.1
    began, finish = asyncio.Event(), asyncio.Event()

    @app.task
    async def long() -> str:
        began.set()
        await finish.wait()
        return "done"

    async with working(app):
        task = await long.add_task()
        await asyncio.wait_for(began.wait(), 30)
    finish.set()
    async with app:
        waiting = await app.get(task.id)
        assert (waiting.status, waiting.attempts, waiting.losses) == ("new", 0, 0)
        async with working(app):
            assert await task.result(timeout=30) == "done"
    await app.disconnect()


async def test_a_slow_retry_hook_does_not_run_the_body_again(app: QueueTasks, working: Working) -> None:
    """`max_time` is the time of the body, and a hook that outlasts it changes nothing of the outcome."""
    runs = 0

    class Slow:
        @hookimpl
        async def worker_task_error_retry(self, event: TaskErrored) -> RetryAnswer | None:  # noqa: ARG002
            await asyncio.sleep(0.3)
            return RetryAnswer(retry=False)

    @app.task(max_time=0.1)
    async def fail() -> None:
        nonlocal runs
        runs += 1
        raise ValueError("no")

    app.add_plugin(Slow())
    async with working(app):
        done = await fail.add_task(timeout=30)

    assert (done.status, done.attempts, runs) == ("error", 1, 1)


async def test_a_failing_retry_hook_has_no_say(app: QueueTasks, working: Working) -> None:
    """The body has run: the task ends by its own retry rules, and the body is not run anew."""
    runs = 0

    class Broken:
        @hookimpl
        def worker_task_error_retry(self, event: TaskErrored) -> RetryAnswer | None:  # noqa: ARG002
            raise RuntimeError("broken plugin")

    @app.task
    async def fail() -> None:
        nonlocal runs
        runs += 1
        raise ValueError("no")

    app.add_plugin(Broken())
    async with working(app):
        done = await fail.add_task(timeout=30)

    assert (done.status, runs) == ("error", 1)
    assert "ValueError" in (done.error or "")
