"""Workers that are killed."""

from __future__ import annotations

import time

import pytest
from processes.place import LEASE, Place, ends
from processes.shop import count, poison

from qtasks.errors import TaskDead
from qtasks.status import TaskStatus

MARGIN = 10.0
"""Seconds that a busy machine may take for the same."""
ALLOWED = LEASE + 1.0 + MARGIN
"""Contract 2: seconds within which the task of a dead worker runs again."""


async def test_an_idle_worker_takes_over_within_the_lease(place: Place) -> None:
    """The task of a killed worker runs again on the other one; the record tells of both deliveries."""
    workers = {one.pid: one for one in (await place.worker(), await place.worker())}
    gate = place.gate()
    task = await place.client.add_task("hold", "a", gate)
    first = await place.began("a")

    killed = time.monotonic()
    workers.pop(first.pid).kill()
    second = await place.began("a", 2)
    (place.folder / "gate").unlink()
    done = await task.wait(30)

    (survivor,) = workers
    record = await place.record(task)
    assert second.at - killed <= ALLOWED
    assert (second.pid, done.value()) == (survivor, survivor)
    assert (record.attempts, record.losses, record.token.delivery) == (1, 1, 2)
    assert [(event.end, event.token.delivery) for event in record.history] == [("lost", 1)]
    assert (await place.client.counts())[TaskStatus.PROCESS] == 0


async def test_a_worker_that_starts_later_takes_over(place: Place) -> None:
    """Nobody was there when the lease ended; the next worker finds the task."""
    only = await place.worker()
    gate = place.gate()
    task = await place.client.add_task("keep", "a", gate)
    await place.began("a")

    only.kill()
    killed = time.monotonic()
    replacement = await place.worker()
    working = time.monotonic()
    second = await place.began("a", 2)
    (place.folder / "gate").unlink()

    assert await task.result(30) == replacement.pid
    assert second.at <= max(killed + ALLOWED, working + 1.0 + MARGIN)
    assert ends(await place.record(task)) == ["lost"]
    assert place.runs()["a"] == 2
    assert await place.unfinished() == {}


async def test_older_tasks_are_taken_over_at_once(place: Place) -> None:
    """With running_older_tasks nobody waits for a long lease; what a living worker holds is left alone."""
    gate = place.gate()
    doomed = await place.worker("--lease", 120, "--concurrency", 1)
    lost = await place.client.add_task("hold", "lost", gate)
    await place.began("lost")
    await place.worker("--lease", 120, "--concurrency", 1)
    kept = await place.client.add_task("hold", "kept", gate)
    await place.began("kept")

    doomed.kill()
    heir = await place.worker("--lease", 120, QTASKS_RUNNING_OLDER_TASKS=1)
    again = await place.began("lost", 2, seconds=30.0)
    (place.folder / "gate").unlink()

    assert await lost.result(30) == heir.pid == again.pid
    assert await kept.result(30) != heir.pid
    assert place.runs() == {"lost": 2, "kept": 1}
    assert (await place.record(kept)).losses == 0


async def test_a_worker_lost_in_the_last_delivery_leaves_it_dead(place: Place) -> None:
    """After two deaths it is dead with the reason; who waits learns it; the queue goes on."""
    await place.works(place.start("--processes", 1, QTASKS_MAX_DELIVERIES=2))
    task = await place.client.add_task("poison", "a")

    with pytest.raises(TaskDead, match="its worker was lost 2 times"):
        await task.result(30)

    assert place.runs()["a"] == 2
    assert await place.client.add_task("count", "b", timeout=30)
    assert await place.unfinished() == {TaskStatus.DEAD: 1}


async def test_poison_does_not_take_the_innocent_with_it(place: Place) -> None:
    """A task that kills each of three workers ends dead; 20 others in its queue succeed."""
    await place.works(place.start("--processes", 3), 3)
    guilty = await place.client.add_task("poison", "poison")
    innocent = [await place.client.add_task("count", f"innocent-{n}") for n in range(20)]

    with pytest.raises(TaskDead, match="its worker was lost 5 times"):
        await guilty.result(30)

    for task in innocent:
        await task.result(30)
    assert place.runs()["poison"] == 5


async def test_poison_sent_together_with_the_innocent(place: Place) -> None:
    """So too where one worker fetches poison and innocent tasks together, each time anew."""
    sent = await place.client.add_tasks([poison.bind("poison"), *(count.bind(f"i-{n}") for n in range(20))])
    place.start("--processes", 3, QTASKS_MAX_DELIVERIES=3)

    with pytest.raises(TaskDead, match="its worker was lost 3 times"):
        await sent[0].result(30)

    assert [await task.result(30) for task in sent[1:]] == [f"i-{n}" for n in range(20)]
    assert place.runs()["poison"] == 3
