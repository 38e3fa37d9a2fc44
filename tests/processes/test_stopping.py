"""SIGTERM and SIGINT, once and again."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress

import pytest
from processes.place import Place, Process, ends, until
from processes.shop import count

from qtasks.models import Cancelled
from qtasks.result import Task
from qtasks.status import TaskStatus

STOP_TIME = 5.0
"""Seconds after its grace within which a worker is gone."""
MARGIN = 15.0
"""Seconds that a busy machine may take for the end of an interpreter."""
NOTICE = 0.2
"""Seconds after a signal in which a body may still begin."""


async def _sent(place: Place, body: str, keys: list[str], value: object) -> list[Task[object]]:
    return [await place.client.add_task(body, key, value) for key in keys]


async def test_short_tasks_finish_and_queued_ones_are_untouched(place: Place) -> None:
    """(a): what runs may finish; what waits stays as it is; the worker ends with 0."""
    worker = await place.worker("--concurrency", 4, "--grace", 60)
    running = [*await _sent(place, "nap", ["a", "b"], 0.8), *await _sent(place, "doze", ["c", "d"], 0.8)]
    queued = await _sent(place, "nap", [f"q{n}" for n in range(20)], 0.0)
    await until(lambda: len(place.lines()) == 4)

    worker.send(signal.SIGTERM)
    stopped = time.monotonic()
    assert await worker.end() == 0

    assert time.monotonic() - stopped < 0.8 + MARGIN
    assert [(await place.record(task)).status for task in running] == [TaskStatus.SUCCESS] * 4
    for task in queued:
        record = await place.record(task)
        assert (record.status, record.token.delivery, record.history) == (TaskStatus.NEW, 0, ())
    assert len(place.lines()) == 4


async def test_long_tasks_go_back_after_the_grace(place: Place) -> None:
    """(b): async and sync bodies go back without being counted, and run on the next worker."""
    gate = place.gate()
    worker = await place.worker("--concurrency", 4, "--grace", 0.5)
    tasks = [*await _sent(place, "hold", ["a", "b"], gate), *await _sent(place, "keep", ["c", "d"], gate)]
    queued = await place.client.add_task("nap", "q", 0.0)
    await until(lambda: len(place.lines()) == 4)

    worker.send(signal.SIGTERM)
    stopped = time.monotonic()
    assert await worker.end() == 0

    assert 0.5 <= time.monotonic() - stopped < 0.5 + MARGIN
    for task in tasks:
        record = await place.record(task)
        assert (record.status, record.attempts, record.losses) == (TaskStatus.NEW, 0, 0)
        assert ends(record) == ["stopped"]
    assert [line.key for line in place.lines() if line.at > stopped + NOTICE] == []
    (place.folder / "gate").unlink()
    successor = await place.worker()
    assert {await task.result(30) for task in [*tasks, queued]} == {successor.pid}


async def test_nothing_is_left_behind_by_a_stop_in_full_flight(place: Place) -> None:
    """Whatever a stopping worker has fetched goes back at once: no lease has to end for it."""
    await place.client.add_tasks([count.bind(f"{n}") for n in range(6000)])
    chance = random.Random(16)
    for _ in range(8):
        worker = await place.worker("--lease", 30)
        begun = len(place.lines())
        await until(lambda begun=begun: len(place.lines()) > begun + chance.randrange(100))  # type: ignore[misc]
        worker.send(signal.SIGTERM)
        assert await worker.end() == 0
        assert TaskStatus.PROCESS not in await place.unfinished()
    assert await place.unfinished() != {}, "the rounds were too long for the number of tasks"

    await place.worker("--lease", 30)
    await place.drained()
    assert set(place.runs().values()) == {1}
    assert len(place.runs()) == 6000


async def test_what_is_cancelled_during_the_grace_ends_at_once(place: Place) -> None:
    """A stopping worker hears of what it runs, on the loop and in a thread, and ends with the last body."""
    gate = place.gate()
    worker = await place.worker("--concurrency", 4, "--grace", 60)
    tasks = [*await _sent(place, "hold", ["a"], gate), *await _sent(place, "keep", ["b"], gate)]
    await until(lambda: len(place.lines()) == 2)
    worker.send(signal.SIGTERM)
    await until(lambda: "stopping gracefully" in worker.log)

    wishes = [await place.client.cancel(task.id, "on call") for task in tasks]

    assert wishes == [Cancelled.ASKED] * 2
    assert await worker.end(STOP_TIME + MARGIN) == 0
    records = [await place.record(task) for task in tasks]
    assert [(record.status, record.reason) for record in records] == [(TaskStatus.CANCEL, "on call")] * 2
    assert [ends(record) for record in records] == [[], []]


async def test_a_queue_that_is_resumed_during_the_grace_is_not_served(place: Place) -> None:
    """A stopping worker hears what is resumed, and takes nothing all the same."""
    worker = await place.worker("--concurrency", 2, "--grace", 60)
    (running,) = await _sent(place, "hold", ["a"], place.gate())
    await place.began("a")
    await place.client.queues.pause("default")
    await until(lambda: "paused queues: default" in worker.log)
    (queued,) = await _sent(place, "nap", ["q"], 0.0)
    worker.send(signal.SIGTERM)
    await until(lambda: "stopping gracefully" in worker.log)

    await place.client.queues.resume("default")
    await until(lambda: "paused queues: none" in worker.log)
    (place.folder / "gate").unlink()

    assert await worker.end() == 0
    assert (await place.record(running)).status is TaskStatus.SUCCESS
    record = await place.record(queued)
    assert (record.status, record.token.delivery, record.history) == (TaskStatus.NEW, 0, ())


async def test_deploys_do_not_use_up_the_budget_of_retries(place: Place) -> None:
    """A task with two retries that five deploys interrupt succeeds in its first attempt."""
    gate = place.gate()
    task = await place.client.add_task("hold", "a", gate)
    for deploy in range(5):
        worker = await place.worker("--grace", 0.1)
        await place.began("a", deploy + 1)
        worker.send(signal.SIGTERM)
        assert await worker.end() == 0
    (place.folder / "gate").unlink()
    await place.worker()
    await task.result(30)

    record = await place.record(task)
    assert (record.attempts, record.losses, record.token.attempt) == (1, 0, 1)
    assert ends(record) == ["stopped"] * 5


@pytest.mark.parametrize(
    "bodies", [("cling", "clutch"), ("delegate", "leave_behind"), ("freeze",)], ids=" ".join
)
async def test_a_stubborn_body_does_not_keep_the_process(place: Place, bodies: tuple[str, ...]) -> None:
    """Past the grace the process is gone, whatever the body does; another worker runs it once."""
    gate = place.gate()
    worker = await place.worker("--grace", 0.3)
    tasks = [await place.client.add_task(body, body, gate) for body in bodies]
    await until(lambda: len(place.lines()) == len(bodies))

    worker.send(signal.SIGTERM)
    await worker.end(0.3 + STOP_TIME + MARGIN)
    (place.folder / "gate").unlink()
    await place.worker()
    for task in tasks:
        await task.result(30)

    done_before = {"leave_behind"}
    assert place.runs() == {body: 1 if body in done_before else 2 for body in bodies}
    assert [(await place.record(task)).attempts for task in tasks] == [1] * len(tasks)


def _twice(process: Process) -> None:
    for number in (signal.SIGINT, signal.SIGINT):
        with suppress(ProcessLookupError):
            process.send(number)
        time.sleep(0.001)


async def test_the_same_signal_twice_is_one(place: Place) -> None:
    """Two SIGINT one millisecond apart stop each of six workers gracefully."""
    gate = place.gate()
    workers = [place.start("--grace", 5, "--concurrency", 1) for _ in range(6)]
    for worker in workers:
        await place.works(worker)
    tasks = await _sent(place, "hold", [f"{n}" for n in range(6)], gate)
    await until(lambda: len(place.lines()) == 6)

    for worker in workers:
        _twice(worker)
    await until(lambda: all("stopping gracefully" in worker.log for worker in workers))
    (place.folder / "gate").unlink()

    assert [await worker.end() for worker in workers] == [0] * 6
    assert [ends(await place.record(task)) for task in tasks] == [[]] * 6
    assert await place.unfinished() == {}


async def test_a_second_signal_hurries(place: Place) -> None:
    """TERM and, after a moment, INT: the grace of a minute is over and the task goes back at once."""
    worker = await place.worker("--grace", 60)
    task = await place.client.add_task("hold", "a", place.gate())
    await place.began("a")

    worker.send(signal.SIGTERM)
    await until(lambda: "stopping gracefully" in worker.log)
    heard = time.monotonic()
    await until(lambda: time.monotonic() > heard + 0.4)
    worker.send(signal.SIGINT)

    assert await worker.end(MARGIN + 1) == 0
    assert ends(await place.record(task)) == ["stopped"]


async def test_the_third_signal_quits(place: Place) -> None:
    """Three times TERM ends even a worker whose loop is blocked; the task runs again later."""
    gate = place.gate()
    worker = await place.worker("--grace", 60)
    task = await place.client.add_task("freeze", "a", gate)
    await place.began("a")

    for _ in range(3):
        worker.send(signal.SIGTERM)
        sent = time.monotonic()
        await until(lambda sent=sent: time.monotonic() > sent + 0.4)  # type: ignore[misc]

    assert await worker.end(MARGIN) == 130
    (place.folder / "gate").unlink()
    await place.worker()
    await task.result(30)
    assert ends(await place.record(task)) == ["lost"]


async def test_a_storm_of_signals_is_survived(place: Place) -> None:
    """SIGTERM every few milliseconds until the end: no traceback, and nothing is lost."""
    worker = await place.worker("--grace", 0.2)
    task = await place.client.add_task("hold", "a", place.gate())
    await place.began("a")

    def storm() -> bool:
        with suppress(ProcessLookupError):
            worker.send(signal.SIGTERM)
        return worker.process.poll() is not None

    await until(storm, 30.0)

    assert "Traceback" not in worker.log
    assert (await place.record(task)).losses == 0
    assert worker.process.returncode in {0, 130}


async def test_ctrl_c_to_the_process_group(place: Place) -> None:
    """Ctrl+C stops a supervisor with two workers gracefully; no process is left."""
    pool = await place.works(place.start("--processes", 2, "--grace", 5), 2)
    tasks = await _sent(place, "nap", ["a", "b"], 0.5)
    await until(lambda: len(place.lines()) == 2)

    os.killpg(pool.pid, signal.SIGINT)

    assert await pool.end() == 0
    assert place.pids() == []
    assert [(await place.record(task)).status for task in tasks] == [TaskStatus.SUCCESS] * 2


async def test_signals_during_the_start(place: Place) -> None:
    """20 times SIGTERM at a random moment of the start of four processes: nothing is left."""
    chance = random.Random(115)
    for _ in range(20):
        pool = place.start("--processes", 4)
        at = time.monotonic() + chance.uniform(0.0, 0.5)
        await until(lambda at=at: time.monotonic() > at)  # type: ignore[misc]
        pool.send(signal.SIGTERM)
        await pool.end()
        assert place.pids() == [], pool.log
