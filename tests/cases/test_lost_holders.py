"""Workers that are never heard of again while they hold tasks, on every backend."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing

import pytest
from cases.apps import Place, ends, until_seen, working

from qtasks import Unique
from qtasks.asyncio import QueueTasks
from qtasks.memory import AsyncMemoryBroker
from qtasks.options import CallOptions
from qtasks.producer import Call
from qtasks.result import Task
from qtasks.worker.identity import this_worker


async def _hold(app: QueueTasks) -> str:
    """Take the next task as a worker that does not renew its lease, and return the id."""
    await app.connect()
    consumer = await app.broker.open_consumer(this_worker(("default",), 1, time.time()), ("default",))
    (delivery,) = await consumer.fetch(1)
    return delivery.id


def _holders(app: QueueTasks, url: str) -> int:
    """Return how many workers hold leases."""
    if isinstance(app.broker, AsyncMemoryBroker):
        return len(app.broker.location.hub(app.name, app.clock, keeps=True).leases._holders)
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=30)) as file:
        count: int = file.execute("SELECT count(*) FROM holder").fetchone()[0]
        return count


@pytest.mark.parametrize("unique", [True, "account-7"], ids=["arguments", "a name"])
async def test_the_mark_of_a_lost_holder_is_free_after_its_task(place: Place, unique: bool | str) -> None:
    """The task is recovered and keeps the mark until its end; then the next one is accepted and runs."""
    sender, lost, worker = place.app(), place.app(), place.app()
    ran: list[int] = []
    gate = asyncio.Event()

    async def once(number: int) -> int:
        ran.append(number)
        await gate.wait()
        return len(ran)

    for app in (sender, worker):
        app.task(name="once")(once)

    async def send() -> Task[int]:
        call = Call("once", (7,), {}, CallOptions(unique=Unique.of(unique)), sender.tasks["once"])
        return await sender.send_one(call, None)

    first = await send()
    assert await _hold(lost) == first.id
    assert (await send()).id == first.id
    async with working(worker):
        await until_seen(lambda: _began(first))
        assert (await send()).id == first.id
        gate.set()
        assert await first.result(30) == 1
        second = await send()
        assert second.id != first.id
        assert await second.result(30) == 2

    assert (await first.refresh()).losses == 1
    assert ran == [7, 7]


async def _began(task: Task[int]) -> bool:
    return (await task.refresh()).losses == 1 and (await task.refresh()).status == "process"


async def test_many_lost_workers_leave_nothing_behind(place: Place) -> None:
    """Twenty workers vanish with a task each: all tasks run on the one that stays, which alone is left."""
    sender, worker = place.app(), place.app(max_tasks_process=20)

    async def note(number: int) -> int:
        return number

    worker.task(name="note")(note)
    tasks = [await sender.add_task("note", number) for number in range(20)]
    held = [await _hold(place.app(lease=5.0)) for _ in range(20)]  # all before the first one is lost
    assert sorted(held) == sorted(task.id for task in tasks)
    async with working(worker):
        done = await ends(tasks)

        async def tidy() -> bool:
            return _holders(worker, place.url) <= 1

        await until_seen(tidy)

    assert [task.value() for task in done] == list(range(20))
    assert {(task.losses, task.attempts) for task in done} == {(1, 1)}
    assert {tuple(event.end for event in task.record.history) for task in done} == {("lost",)}
