"""Workers that are silent, and come back or were never gone."""

from __future__ import annotations

import signal

from processes.place import LEASE, Place, ends, until

from qtasks.status import TaskStatus


async def test_a_frozen_worker_is_fenced_and_works_on(place: Place) -> None:
    """What a stopped process did too late is discarded; afterwards it works with a fresh lease."""
    frozen = await place.worker()
    gate = place.gate()
    tasks = [await place.client.add_task(body, body, gate) for body in ("hold", "keep")]
    await until(lambda: len(place.lines()) == 2)

    await place.freeze(frozen)
    other = await place.worker()
    await until(lambda: len(place.lines()) == 4)
    (place.folder / "gate").unlink()
    assert [await task.result(30) for task in tasks] == [other.pid] * 2
    before = [await place.record(task) for task in tasks]
    frozen.send(signal.SIGCONT)
    # For each either the interrupted run or the discarded outcome is told, whichever came first.
    await until(lambda: frozen.log.count("WARNING") == 2, told=lambda: frozen.log)
    other.send(signal.SIGTERM)
    assert await other.end() == 0

    assert (await place.client.add_task("nap", "b", LEASE / 2, timeout=30)).value() == frozen.pid
    assert [await place.record(task) for task in tasks] == before
    assert [(one.status, one.losses, ends(one)) for one in before] == [(TaskStatus.SUCCESS, 1, ["lost"])] * 2
    long = await place.client.add_task("doze", "c", 1.5 * LEASE)
    await place.began("c")
    await place.worker()
    assert await long.result(30) == frozen.pid
    assert place.runs() == {"hold": 2, "keep": 2, "b": 1, "c": 1}


async def test_a_late_outcome_counts_while_nobody_has_fetched_again(place: Place) -> None:
    """A frozen worker that was never replaced records what it did, and there is no second run."""
    frozen = await place.worker()
    gate = place.gate()
    task = await place.client.add_task("hold", "a", gate)
    await place.began("a")

    await place.freeze(frozen)
    other = await place.worker("--queues", "elsewhere")
    await place.reaches(task, TaskStatus.NEW)
    (place.folder / "gate").unlink()
    frozen.send(signal.SIGCONT)

    assert await task.result(30) == frozen.pid
    assert other.process.poll() is None
    assert place.runs() == {"a": 1}


async def test_a_living_worker_keeps_what_it_runs(place: Place) -> None:
    """Bodies of three leases, one of which blocks its loop, run once."""
    for _ in range(3):
        await place.worker()

    tasks = [await place.client.add_task(body, body, 3 * LEASE) for body in ("nap", "doze", "block")]
    for task in tasks:
        await task.result(30)

    assert place.runs() == {"nap": 1, "doze": 1, "block": 1}
    for task in tasks:
        record = await place.record(task)
        assert (record.losses, record.token.delivery, record.history) == (0, 1, ())
