"""A broker and a storage of different backends: the record first, then the queue or the acknowledgement."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from qtasks.asyncio import QueueTasks
from qtasks.memory import AsyncMemoryBroker
from qtasks_sqlite import AsyncSQLiteBroker, AsyncSQLiteStorage

from .conftest import Working


@pytest.fixture(params=["memory over sqlite", "sqlite over another file"])
async def apart(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[QueueTasks]:
    """An app whose storage does not join its broker."""
    storage = AsyncSQLiteStorage(f"sqlite:///{tmp_path / 'records.db'}")
    broker: AsyncMemoryBroker | AsyncSQLiteBroker
    if request.param.startswith("memory"):
        broker = AsyncMemoryBroker(storage=storage)
    else:
        broker = AsyncSQLiteBroker(f"sqlite:///{tmp_path / 'queue.db'}", storage=storage)
    app = QueueTasks("apart", broker=broker, plugins=False)
    app.config.lease = 1.0
    yield app
    await app.disconnect()


async def test_a_task_runs_and_its_result_is_in_the_other_backend(
    apart: QueueTasks, working: Working
) -> None:
    """The record is written by the core, and the waiter is woken."""

    @apart.task
    async def add(a: int, b: int) -> int:
        return a + b

    async with working(apart):
        tasks = await apart.add_tasks(add.bind(i, 1) for i in range(50))
        assert [await task.result(timeout=30) for task in tasks] == [i + 1 for i in range(50)]
    assert (await apart.counts()).total == 50


async def test_retries_and_requeues_keep_record_and_queue_together(
    apart: QueueTasks, working: Working
) -> None:
    """Attempts, history and epoch are those of a joined pair."""
    runs = 0

    @apart.task(retry=1, backoff=0.01)
    async def flaky() -> int:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise OSError("not yet")
        return runs

    async with working(apart):
        task = await flaky.add_task()
        done = await task.wait(timeout=30)
        assert (done.status, done.attempts) == ("success", 2)
        assert await apart.requeue(task.id)
        again = await task.wait(timeout=30)
        assert (again.returning, again.token.epoch) == (3, 2)


async def test_an_unknown_name_dies_there_too(apart: QueueTasks, working: Working) -> None:
    """What the queue counts reaches the record."""
    apart.config.max_deliveries, apart.config.unknown_grace = 1, 0.0
    async with working(apart):
        lost = await apart.add_task("no.such.task")
        assert (await lost.wait(timeout=30)).status == "dead"


async def test_a_record_that_was_written_before_a_crash_is_only_acknowledged(
    apart: QueueTasks, working: Working
) -> None:
    """Outcome recorded, acknowledgement lost: the redelivery does not run the body again."""
    runs = 0

    @apart.task
    async def count() -> int:
        nonlocal runs
        runs += 1
        return runs

    settle, lost = apart.broker.settle, asyncio.Event()

    async def lose_the_first_acknowledgement(outcomes):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        if not lost.is_set():
            lost.set()
            return [None for _ in outcomes]
        return await settle(outcomes)

    apart.broker.settle = lose_the_first_acknowledgement  # type: ignore[method-assign]
    async with working(apart):
        task = await count.add_task()
        assert await task.result(timeout=30) == 1
        await asyncio.wait_for(lost.wait(), 30)
    # The queue still holds it for the worker that has gone; the next one gets it when the lease ends.
    async with working(apart):
        other = await count.add_task(timeout=30)
    assert other.returning == 2
    assert (await task.refresh()).returning == 1


async def test_an_outcome_without_a_record_leaves_the_queue_too(apart: QueueTasks, working: Working) -> None:
    """Records that were removed while the task ran do not leave an entry leased for ever."""
    began, finish = asyncio.Event(), asyncio.Event()

    @apart.task
    async def run() -> None:
        began.set()
        await finish.wait()

    settled = asyncio.Event()
    settle = apart.broker.settle

    async def note(outcomes):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        answers = await settle(outcomes)
        settled.set()
        return answers

    apart.broker.settle = note  # type: ignore[method-assign]
    async with working(apart):
        await run.add_task()
        await asyncio.wait_for(began.wait(), 30)
        await apart.storage.flush()
        finish.set()
        await asyncio.wait_for(settled.wait(), 30)
