"""Workers that are silent, and come back or were never gone."""

from __future__ import annotations

import signal

import pytest
from processes.place import LEASE, Place, ends, until

from qtasks.status import TaskStatus


@pytest.mark.parametrize("body", ["hold", "keep"])
async def test_a_frozen_worker_is_fenced_and_works_on(place: Place, body: str) -> None:
    """What a stopped process did too late is discarded; afterwards it works with a fresh lease."""
    frozen = await place.worker()
    gate = place.gate()
    task = await place.client.add_task(body, "a", gate)
    await place.began("a")

    frozen.send(signal.SIGSTOP)
    other = await place.worker()
    await place.began("a", 2)
    (place.folder / "gate").unlink()
    assert await task.result(5) == other.pid
    before = await place.record(task)
    frozen.send(signal.SIGCONT)
    await until(lambda: " was lost" in frozen.log)
    other.send(signal.SIGTERM)
    assert await other.end() == 0

    assert (await place.client.add_task("nap", "b", LEASE / 2, timeout=5)).value() == frozen.pid
    assert await place.record(task) == before
    assert (before.status, before.losses, ends(before)) == (TaskStatus.SUCCESS, 1, ["lost"])
    long = await place.client.add_task("doze", "c", 1.5 * LEASE)
    await place.began("c")
    await place.worker()
    assert await long.result(5) == frozen.pid
    assert place.runs() == {"a": 2, "b": 1, "c": 1}


async def test_a_late_outcome_counts_while_nobody_has_fetched_again(place: Place) -> None:
    """A frozen worker that was never replaced records what it did, and there is no second run."""
    frozen = await place.worker()
    gate = place.gate()
    task = await place.client.add_task("hold", "a", gate)
    await place.began("a")

    frozen.send(signal.SIGSTOP)
    other = await place.worker("--queues", "elsewhere")
    await place.reaches(task, TaskStatus.NEW)
    (place.folder / "gate").unlink()
    frozen.send(signal.SIGCONT)

    assert await task.result(5) == frozen.pid
    assert other.process.poll() is None
    assert place.runs() == {"a": 1}


async def test_a_blocked_loop_stays_leased(place: Place) -> None:
    """CASE-022: an async body that blocks for longer than the lease runs once beside an idle worker."""
    await place.worker()
    await place.worker()

    task = await place.client.add_task("block", "a", 2.5 * LEASE)
    await task.result(10)

    record = await place.record(task)
    assert place.runs() == {"a": 1}
    assert (record.losses, record.token.delivery, record.history) == (0, 1, ())


@pytest.mark.parametrize("body", ["nap", "doze"])
async def test_a_task_of_three_leases_runs_once(place: Place, body: str) -> None:
    """CASE-017: its worker is alive, so nobody else starts it, however long it takes."""
    await place.worker()
    await place.worker()

    task = await place.client.add_task(body, "a", 3 * LEASE)
    await task.result(10)

    record = await place.record(task)
    assert place.runs() == {"a": 1}
    assert (record.losses, record.token.delivery, record.history) == (0, 1, ())
