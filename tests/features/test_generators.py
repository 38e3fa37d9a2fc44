"""Bodies that yield: each value is streamed, and the list of them is the result."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any

import pytest
from core.conftest import Working

from qtasks.asyncio import QueueTasks
from qtasks.errors import ResultGone, TaskCancelled, TaskError, TaskFailed


async def test_values_come_while_the_body_runs(app: QueueTasks, working: Working) -> None:
    """A listener has the first one before the second is yielded."""
    heard = asyncio.Event()

    @app.task
    async def numbers() -> AsyncIterator[int]:
        yield 1
        await heard.wait()
        yield 2

    got: list[int] = []
    async with working(app), asyncio.timeout(30):
        task = await numbers.add_task()
        async for number in task.stream():
            got.append(number)
            heard.set()
        assert await task.result(30) == [1, 2]

    assert got == [1, 2]


async def test_a_late_listener_begins_with_the_first(app: QueueTasks, working: Working) -> None:
    """Also after the end, and several listeners do not disturb each other."""

    @app.task
    def lines(text: str) -> Iterator[str]:
        yield from text.split()

    async with working(app), asyncio.timeout(30):
        task = await lines.add_task("a b c")
        early = asyncio.create_task(_all(task.stream()))
        await task.wait(30)
        assert await _all(task.stream()) == ["a", "b", "c"]
        assert await early == ["a", "b", "c"]


async def test_many_values_come_in_order(app: QueueTasks, working: Working) -> None:
    """Two thousand, from a thread and from the loop, none twice and none missing."""

    @app.task
    def from_thread() -> Iterator[int]:
        yield from range(2000)

    @app.task
    async def from_loop() -> AsyncIterator[int]:
        for number in range(2000):
            yield number

    async with working(app), asyncio.timeout(30):
        for task in (await from_thread.add_task(), await from_loop.add_task()):
            assert await _all(task.stream()) == list(range(2000))
            assert await task.result(30) == list(range(2000))


@pytest.mark.parametrize("asynchronous", [False, True], ids=["plain", "async"])
async def test_the_answer_of_the_handler_goes_back(
    app: QueueTasks, working: Working, *, asynchronous: bool
) -> None:
    """`answer = yield value` gets what `generate_handler` returns, plain or awaited, in both kinds."""

    def plain(value: int) -> int:
        return value * 10

    async def awaited(value: int) -> int:
        await asyncio.sleep(0)
        return value * 10

    handler = awaited if asynchronous else plain

    @app.task(generate_handler=handler)
    def in_thread() -> Generator[Any, int, None]:
        one = yield 1
        two = yield one + 1
        yield [one, two]

    @app.task(generate_handler=handler)
    async def on_loop() -> AsyncIterator[Any]:
        one: Any = yield 1
        two: Any = yield one + 1
        yield [one, two]

    async with working(app):
        for task in (await in_thread.add_task(), await on_loop.add_task()):
            assert await task.result(30) == [1, 11, [10, 110]]


async def test_values_before_a_failure_are_heard(app: QueueTasks, working: Working) -> None:
    """Then the stream raises what `result` would."""

    @app.task
    async def numbers() -> AsyncIterator[int]:
        yield 1
        yield 2
        raise ValueError("no three")

    got: list[int] = []

    async def listen(stream: AsyncIterator[int]) -> None:
        async for number in stream:
            got.append(number)  # noqa: PERF401 - those before the failure count

    async with working(app), asyncio.timeout(30):
        task = await numbers.add_task()
        with pytest.raises(TaskFailed, match="no three"):
            await listen(task.stream())

    assert got == [1, 2]


async def test_a_second_run_begins_anew(app: QueueTasks, working: Working) -> None:
    """The listener hears the values of the first run, and then all of the second."""
    runs = 0

    @app.task(retry=1, backoff=0.05)
    async def numbers() -> AsyncIterator[int]:
        nonlocal runs
        runs += 1
        yield runs
        if runs == 1:
            raise OSError
        yield 20

    async with working(app), asyncio.timeout(30):
        task = await numbers.add_task()
        got = await _all(task.stream())
        assert await task.result(30) == [2, 20]

    assert got in ([1, 2, 20], [2, 20])  # the first one may be gone before it was heard
    assert runs == 2


async def test_a_cancelled_generator_is_closed(app: QueueTasks, working: Working) -> None:
    """Its `finally` runs now, and the listener is told."""
    closed = asyncio.Event()

    @app.task
    async def endless() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
                await asyncio.sleep(0.01)
        finally:
            closed.set()

    async with working(app), asyncio.timeout(30):
        task = await endless.add_task()
        stream = task.stream()
        assert await anext(stream) == 1
        await task.cancel()
        with pytest.raises(TaskCancelled):
            await _all(stream)
        await closed.wait()


async def test_a_value_that_cannot_be_sent_ends_it(app: QueueTasks, working: Working) -> None:
    """In `error`, naming the type."""

    @app.task
    def locks() -> Iterator[Any]:
        yield 1
        yield object()

    async with working(app):
        with pytest.raises(TaskFailed, match="object"):
            await (await locks.add_task()).result(30)


async def test_a_listener_of_a_removed_task_is_told(app: QueueTasks) -> None:
    """It does not wait for ever."""

    @app.task
    async def numbers() -> AsyncIterator[int]:
        yield 1

    task = await numbers.add_task()
    listening = asyncio.create_task(_all(task.stream()))
    await app.flush_all()
    with pytest.raises(ResultGone):
        async with asyncio.timeout(30):
            await listening


async def test_a_handler_needs_a_body_that_yields(app: QueueTasks) -> None:
    """It would be accepted and never called."""
    with pytest.raises(TaskError, match="yields"):

        @app.task(generate_handler=print)
        async def plain() -> None: ...


async def _all(stream: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in stream]


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_its_time_is_looked_at_between_its_values(app: QueueTasks, working: Working, kind: str) -> None:
    """A generator that holds up the loop ends there, under its retry rules, and is closed."""
    closed: list[int] = []

    def endless() -> Iterator[int]:
        number = 0
        try:
            while number < 1_000:
                yield number
                time.sleep(0.01)
                number += 1
        finally:
            closed.append(number)

    async def aendless() -> AsyncIterator[int]:
        for number in endless():
            yield number

    body: Any = endless if kind == "def" else aendless
    task = app.task(name="endless", executor="loop", max_time=0.05, retry=1, backoff=0.01)(body)

    async with working(app):
        done = await (await task.add_task()).wait(30)

    assert done.error == "TimeoutError: task 'endless' ran longer than its max_time of 0.05 s"
    assert done.attempts == 2
    assert len(closed) == 2
    assert max(closed) < 999


async def test_a_plain_generator_lets_others_run_on_the_loop(app: QueueTasks, working: Working) -> None:
    """Between two values the loop goes on: others run, and it can be cancelled."""
    closed = asyncio.Event()

    @app.task(executor="loop")
    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    @app.task
    async def other() -> str:
        return "ran"

    async with working(app), asyncio.timeout(30):
        task = await endless.add_task()
        assert await anext(task.stream()) == 1
        assert await (await other.add_task()).result(30) == "ran"
        await task.cancel("enough")
        assert (await task.wait(30)).reason == "enough"

    assert closed.is_set()


async def test_a_generator_in_a_thread_is_closed_too(app: QueueTasks, working: Working) -> None:
    """Where its handler fails, its `finally` runs before the task ends."""
    closed: list[str] = []

    def fail(value: int) -> None:
        raise ValueError(f"not {value}")

    @app.task(generate_handler=fail)
    def numbers() -> Iterator[int]:
        try:
            yield 1
        finally:
            closed.append(threading.current_thread().name)

    async with working(app):
        done = await (await numbers.add_task()).wait(30)

    assert done.error == "ValueError: not 1"
    assert [name.startswith("qtasks-task") for name in closed] == [True]
