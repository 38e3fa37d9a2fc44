"""Results across processes."""

from __future__ import annotations

import asyncio

from processes.place import LEASE, Place, until

from qtasks.asyncio import QueueTasks
from qtasks.status import FINAL, TaskStatus

TASKS = 500
LONG = 90.0
"""Seconds until a waiter reads by itself: a trial that takes that long has missed a push."""


async def test_state_and_result_appear_together(place: Place) -> None:
    """Contract 10: whoever sees a final status, polling as fast as it can, can read the result."""
    await place.worker()
    wrong = []
    for number in range(TASKS):
        task = await place.client.add_task("count", f"{number}")
        async with asyncio.timeout(30):
            while (seen := await place.client.get(task.id)).status not in FINAL:
                pass
        if (seen.status, seen.returning) != (TaskStatus.SUCCESS, f"{number}"):
            wrong.append(seen)

    assert wrong == []


async def test_no_result_comes_before_its_waiter(place: Place) -> None:
    """Sent and waited for, again and again: each wait is pushed, none needs its own re-read."""
    await place.worker()
    assert place.client.config.result_time_interval == LONG

    for number in range(TASKS):
        task = await place.client.add_task("count", f"{number}", timeout=LONG / 3)
        assert task.value() == f"{number}"


async def test_many_waiters_are_all_woken(place: Place) -> None:
    """So too where twenty callers send and wait at the same time."""
    await place.worker()

    async def caller(name: int) -> None:
        for number in range(TASKS // 20):
            await place.client.add_task("count", f"{name}-{number}", timeout=LONG / 3)

    await asyncio.gather(*(caller(name) for name in range(20)))

    assert len(place.runs()) == TASKS


async def test_two_apps_in_one_file_never_meet(place: Place) -> None:
    """Each worker runs the tasks of its own app; neither sees a record of the other."""
    other = QueueTasks("other", broker_url=place.url, plugins=False)
    try:
        mine = [await place.client.add_task("sell", f"shop-{n}") for n in range(20)]
        theirs = [await other.add_task("sell", f"other-{n}") for n in range(20)]
        first = await place.worker()
        for task in mine:
            await task.result(30)
        assert (await other.counts()).by_status == {TaskStatus.NEW: 20}
        second = await place.worker(app="other")
        for task in theirs:
            await task.result(30)

        assert {line.pid for line in place.lines() if line.key.startswith("shop-")} == {first.pid}
        assert {line.pid for line in place.lines() if line.key.startswith("other-")} == {second.pid}
        assert await other.read(mine[0].id) is None
        assert await place.client.read(theirs[0].id) is None
        await other.flush_all()
        assert (await place.client.counts()).by_status == {TaskStatus.SUCCESS: 20}
    finally:
        await other.disconnect()


async def test_the_dead_of_one_app_are_no_business_of_another(place: Place) -> None:
    """What a killed worker of one app held is left alone by a worker of another app in the file."""
    doomed = await place.worker()
    task = await place.client.add_task("hold", "a", place.gate())
    await place.began("a")
    doomed.kill()
    stranger = await place.worker(app="other", QTASKS_RUNNING_OLDER_TASKS=1)

    before = await place.record(task)
    looked = asyncio.get_running_loop().time()
    await until(lambda: asyncio.get_running_loop().time() > looked + 1.5 * LEASE)

    assert await place.record(task) == before
    assert stranger.process.poll() is None
