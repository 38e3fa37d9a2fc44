"""`rate_limit`, `concurrency` and `limit_by`: what all workers together may run."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from typing import Any

import pytest
from core.conftest import Working

from qtasks.asyncio import QueueTasks
from qtasks.errors import ConfigError
from qtasks.rates import interval_of


async def test_no_more_run_at_a_time(app: QueueTasks, working: Working) -> None:
    """Two of ten, and all of them in the end, each in its first attempt."""
    now = most = 0

    @app.task(concurrency=2)
    async def work() -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.03)
        now -= 1

    async with working(app):
        tasks = await app.add_tasks(work.bind() for _ in range(10))
        done = [await task.wait(30) for task in tasks]

    assert most == 2
    assert {(task.status.value, task.attempts, task.losses) for task in done} == {("success", 1, 0)}


async def test_each_key_has_its_own(app: QueueTasks, working: Working) -> None:
    """With `limit_by` two accounts do not wait for each other."""
    now: Counter[str] = Counter()
    most: Counter[str] = Counter()
    both = asyncio.Event()

    @app.task(concurrency=1, limit_by="account")
    async def work(account: str) -> None:
        now[account] += 1
        most[account] = max(most[account], now[account])
        if len(+now) == 2:
            both.set()
        await both.wait()
        now[account] -= 1

    async with working(app):
        tasks = await app.add_tasks(work.bind("ab"[i % 2]) for i in range(6))
        for task in tasks:
            await task.wait(30)

    assert most == {"a": 1, "b": 1}


async def test_a_function_may_say_the_key(app: QueueTasks, working: Working) -> None:
    """It gets the arguments by their names."""
    running: defaultdict[int, int] = defaultdict(int)
    most = 0

    @app.task(concurrency=1, limit_by=lambda number, **_: number % 2)
    async def work(number: int, note: str = "") -> None:  # noqa: ARG001 - the function of the key gets it
        nonlocal most
        running[number % 2] += 1
        most = max(most, *running.values())
        await asyncio.sleep(0.01)
        running[number % 2] -= 1

    async with working(app):
        for task in await app.add_tasks(work.bind(i) for i in range(6)):
            await task.wait(30)

    assert most == 1


async def test_starts_are_spaced(app: QueueTasks, working: Working) -> None:
    """At 50 per second there are 20 ms between two starts, and nothing is an attempt."""
    starts: list[float] = []

    @app.task(rate_limit="50/s")
    async def work() -> None:
        starts.append(time.monotonic())

    async with working(app):
        before = time.monotonic()
        tasks = await app.add_tasks(work.bind() for _ in range(15))
        done = [await task.wait(30) for task in tasks]

    assert starts[-1] - before >= 14 * 0.02 - 0.015
    assert {task.attempts for task in done} == {1}


async def test_others_go_on_meanwhile(app: QueueTasks, working: Working) -> None:
    """Tasks that wait for a limit do not hold the slots of the worker."""
    app.config.max_tasks_process = 2
    gate = asyncio.Event()

    @app.task(concurrency=1)
    async def limited() -> None:
        await gate.wait()

    @app.task
    async def free() -> str:
        return "ran"

    async with working(app):
        tasks = await app.add_tasks(limited.bind() for _ in range(6))
        assert (await free.add_task(timeout=30)).returning == "ran"
        gate.set()
        for task in tasks:
            await task.wait(30)


async def test_a_failing_task_gives_its_place_back(app: QueueTasks, working: Working) -> None:
    """Whatever the end of a run: error, time-out, cancellation, retry."""

    @app.task(concurrency=1, retry=1, backoff=0.01)
    async def fail() -> None:
        raise OSError

    @app.task(concurrency=1, max_time=0.05)
    async def slow() -> None:
        await asyncio.sleep(60)

    async with working(app):
        failed = [await task.wait(30) for task in await app.add_tasks(fail.bind() for _ in range(3))]
        late = [await task.wait(30) for task in await app.add_tasks(slow.bind() for _ in range(3))]

    assert {(task.status.value, task.attempts) for task in failed} == {("error", 2)}
    assert {task.status.value for task in late} == {"error"}


async def test_a_lost_worker_frees_its_places(app: QueueTasks, working: Working) -> None:
    """When its announcement ends, its permits count no more."""

    @app.task(concurrency=1)
    async def work() -> str:
        return "ran"

    async with app:
        from qtasks.models import Ask
        from qtasks.worker.identity import this_worker

        gone = this_worker(("default",), 1, app.clock.now())
        config = app.storage.global_config
        await config.announce(gone, 0.3)
        (answer,) = await config.admit([Ask("work", "another", gone.id, 1)], 0.0)
        assert answer.granted
        async with working(app):
            assert (await work.add_task(timeout=30)).returning == "ran"


@pytest.mark.parametrize(
    ("rate", "seconds"), [("100/m", 0.6), ("5/10s", 2.0), (4, 0.25), ("1/hour", 3600.0), ("0.5/s", 2.0)]
)
def test_a_rate_is_a_number_or_text(rate: object, seconds: float) -> None:
    """Per second, or per so many seconds, minutes, hours, days."""
    assert interval_of(rate) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "wrong", ["fast", "0/s", "5", 0, -1, float("inf"), True, "5/0s", "-1/s", "100/month", "1/ms"]
)
def test_what_is_no_rate_is_refused(wrong: object) -> None:
    """The error shows how it is written."""
    with pytest.raises(ConfigError, match="'100/m'"):
        QueueTasks("x", "memory://").task(rate_limit=wrong)(print)


@pytest.mark.parametrize(
    "wrong", [{"concurrency": 0}, {"concurrency": 1.5}, {"limit_by": "a"}, {"concurrency": 1, "limit_by": 7}]
)
def test_what_is_no_limit_is_refused(wrong: dict[str, Any]) -> None:
    """A key without a limit too: it would be accepted and ignored."""
    with pytest.raises(ConfigError, match=r"concurrency|limit_by"):
        QueueTasks("x", "memory://").task(**wrong)(print)
