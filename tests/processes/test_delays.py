"""Tasks that wait for their moment."""

from __future__ import annotations

import time

import pytest
from processes.place import LEASE, Place, until

MARGIN = 10.0
"""Seconds that a busy machine may be late."""
BARELY = 0.001
"""The resolution with which the two clocks are compared here."""


class Clocks:
    """Translates the wall clock, on which delays are measured, into that of the ledger."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def monotonic(self, wall: float) -> float:
        """Return the moment on the monotonic clock."""
        return wall - self._offset


@pytest.mark.parametrize("with_worker", [True, False])
async def test_a_delayed_task_survives_the_death_of_every_worker(place: Place, with_worker: bool) -> None:
    """Killed before the moment, or nobody there at all: one run, on time."""
    doomed = await place.worker() if with_worker else None
    task = await place.delayed(1.5, "nap", "a", 0.0)
    due = Clocks().monotonic((await place.record(task)).due or 0.0)
    if doomed is not None:
        await until(lambda: time.monotonic() > due - 1.0)
        doomed.kill()
    await place.worker()

    await task.result(30)

    (run,) = place.lines(key="a")
    assert due - BARELY <= run.at <= due + LEASE + MARGIN
    assert (await place.record(task)).losses == 0


async def test_due_tasks_go_to_whoever_is_free(place: Place) -> None:
    """A worker that came after they were sent does half of what is due."""
    first = await place.worker("--concurrency", 1)
    tasks = [await place.delayed(8.0, "nap", f"{n}", 0.3) for n in range(10)]
    due = Clocks().monotonic((await place.record(tasks[0])).due or 0.0)
    at_once = await place.client.add_task("nap", "now", 0.0)
    await at_once.result(30.0)
    second = await place.worker("--concurrency", 1)
    assert time.monotonic() < due

    done = [await task.result(30) for task in tasks]

    assert {done.count(first.pid), done.count(second.pid)} <= {3, 4, 5, 6, 7}
    assert min(line.at for line in place.lines() if line.key != "now") >= due - BARELY


async def test_delayed_tasks_are_never_early_and_hardly_late(place: Place) -> None:
    """Contract 7: twenty tasks on an idle system; the lateness is reported."""
    await place.worker()
    tasks = [await place.delayed(0.3 + n * 0.05, "nap", f"{n}", 0.0) for n in range(20)]
    clocks = Clocks()
    for task in tasks:
        await task.result(30)

    late = []
    for number, task in enumerate(tasks):
        (run,) = place.lines(key=f"{number}")
        due = clocks.monotonic(task.due.timestamp() if task.due else 0.0)
        late.append(run.at - due)
    print(f"lateness: {[round(one * 1000, 1) for one in sorted(late)]} ms")
    assert min(late) >= -BARELY
    assert max(late) <= 1.0 + MARGIN
