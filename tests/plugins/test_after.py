"""`worker_execute_after` is told beside the recording of outcomes, and before the worker has stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from qtasks.asyncio import QueueTasks
from qtasks.plugins import ExecuteAfter, Plugin, hookimpl
from qtasks.worker import engine


class Slow(Plugin):
    """Waits at each outcome until it may go on."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.asked: list[str] = []
        self.told: list[str] = []

    @hookimpl
    async def worker_execute_after(self, event: ExecuteAfter) -> None:
        """Note the task, before and after the wait."""
        self.asked.append(event.outcome.id)
        await self.go_on.wait()
        self.told.append(event.outcome.id)


@pytest.fixture
async def slow() -> Slow:
    """A plugin that does not answer yet."""
    return Slow()


@pytest.fixture
async def app(slow: Slow) -> AsyncIterator[QueueTasks]:
    """An app in memory with that plugin."""
    app = QueueTasks("tests", broker_url="memory://", plugins=False)
    app.add_plugin(slow)
    yield app
    await app.disconnect()


async def until(condition: Callable[[], Any]) -> None:
    """Give way until it holds."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0)


@asynccontextmanager
async def working(app: QueueTasks) -> AsyncIterator[None]:
    """Let the app work."""
    work = asyncio.create_task(app.run())
    await until(lambda: work.done() or app.worker.info is not None)
    try:
        yield
    finally:
        await app.stop()
        await work


async def test_a_slow_plugin_holds_up_no_outcome(app: QueueTasks, slow: Slow) -> None:
    """Results come while it is still asked about the first; later it is told all, in their order."""

    @app.task
    async def same(x: int) -> int:
        return x

    async with working(app):
        tasks = []
        for number in range(4):
            tasks.append(await same.add_task(number))
            assert await tasks[-1].result(timeout=30) == number
            await until(lambda: slow.asked)
        assert slow.asked == [tasks[0].id]
        slow.go_on.set()
    assert slow.told == [task.id for task in tasks]


async def test_a_stopping_worker_waits_until_all_is_told(app: QueueTasks, slow: Slow) -> None:
    """What was recorded when the stop began is told before it has ended."""

    @app.task
    async def same(x: int) -> int:
        return x

    async with working(app):
        tasks = [await same.add_task(number) for number in range(3)]
        for task in tasks:
            await task.result(timeout=30)
        parts = app.worker._parts
        assert parts is not None
        stopping = asyncio.create_task(app.worker.stop())
        await until(lambda: parts.settler._closing)
        assert slow.told == []
        slow.go_on.set()
        await stopping
        assert len(slow.told) == 3


async def test_where_a_plugin_does_not_keep_up_less_is_fetched(app: QueueTasks, slow: Slow) -> None:
    """What waits to be told is bounded like what waits to be recorded."""
    app.config.max_tasks_process = 1
    ran: list[int] = []

    @app.task
    async def note(x: int) -> None:
        ran.append(x)

    async with working(app):
        parts = app.worker._parts
        assert parts is not None
        tasks = [await note.add_task(number) for number in range(5)]
        await until(lambda: parts.slots.unsettled == 2 and not parts.slots.running)
        assert parts.slots.free == 0
        assert len(ran) == 2
        slow.go_on.set()
        for task in tasks:
            await task.result(timeout=30)
    assert len(slow.told) == 5


async def test_a_plugin_that_never_answers_does_not_keep_the_worker(
    app: QueueTasks, slow: Slow, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The stop is bounded, and the log says how many outcomes were not told."""
    monkeypatch.setattr(engine, "SETTLE_TIME", 0.05)

    @app.task
    async def nothing() -> None:
        pass

    async with working(app):
        for _ in range(3):
            await (await nothing.add_task()).result(timeout=30)
    assert slow.told == []
    assert "3 outcomes are recorded, but plugins were not told" in caplog.text
