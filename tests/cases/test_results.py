"""Whoever asks for a result gets it, or is told why there is none."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from cases.apps import Place, ends, until, until_seen, working

from qtasks.asyncio import QueueTasks
from qtasks.errors import ResultGone, ResultTimeout, TaskDead, TaskNotFound
from qtasks.memory import AsyncMemoryBroker
from qtasks.producer import Call
from qtasks.result import Task
from qtasks.status import FINAL
from qtasks_sqlite import AsyncSQLiteBroker, AsyncSQLiteStorage, _session

TASKS = 200
LONG = 90.0
"""Seconds until a waiter reads by itself: a trial that takes that long has missed a push."""


def _answering(app: QueueTasks) -> None:
    @app.task
    async def answer(number: int) -> int:
        if number % 2:
            raise ValueError(f"odd {number}")
        return number


async def test_status_and_outcome_become_visible_together(place: Place) -> None:
    """A reader that polls as fast as it can finds value or error with the first final status that it sees."""
    app = place.app()
    _answering(app)
    wrong: list[Task[object]] = []

    async def poll(number: int) -> None:
        task = await app.add_task("answer", number)
        while (seen := await task.refresh()).status not in FINAL:
            await asyncio.sleep(0)
        right = seen.error == f"ValueError: odd {number}" if number % 2 else seen.returning == number
        if not right or seen.finished_at is None:
            wrong.append(seen)

    async with working(app):
        async with asyncio.timeout(30):
            for first in range(0, TASKS, 10):
                await asyncio.gather(*(poll(number) for number in range(first, first + 10)))

    assert wrong == []


async def test_no_outcome_comes_before_its_waiter(place: Place) -> None:
    """Sent and waited for at once, again and again, each wait is woken rather than found by the re-read."""
    app = place.app(result_time_interval=LONG)
    _answering(app)
    async with working(app):
        for number in range(TASKS):
            task = await app.add_task("answer", number, timeout=LONG / 3)
            assert task.is_final


async def test_a_waiter_in_another_process_is_woken_too(place: Place) -> None:
    """Fifty callers of one app wait for what another app runs; none needs its own re-read."""
    worker, caller = place.app(), place.app(result_time_interval=LONG)
    _answering(worker)
    async with working(worker):
        tasks = [await caller.add_task("answer", 2 * number) for number in range(50)]
        done = await asyncio.gather(*(task.wait(LONG / 3) for task in tasks))

    assert [task.value() for task in done] == [2 * number for number in range(50)]


async def test_an_id_that_nobody_knows_is_told_at_once(app: QueueTasks) -> None:
    """There is nothing to wait for: TaskNotFound."""
    with pytest.raises(TaskNotFound):
        await app.get("0b5c3f9e-63b5-4c1f-8d2e-0a4b6f1d9c77")


async def test_a_result_whose_time_is_over_is_told_as_gone(app: QueueTasks) -> None:
    """After `result_ttl` both kinds of asking end at once, and never with a made-up value."""

    @app.task(result_ttl=2.0)
    async def brief() -> int:
        return 1

    async with working(app):
        task = await brief.add_task()
        assert await task.result(timeout=30) == 1

        async def gone() -> bool:
            try:
                await app.get(task.id)
            except TaskNotFound:
                return True
            return False

        await until_seen(gone)
        with pytest.raises(ResultGone):
            await task.wait(timeout=LONG / 3)
        async with asyncio.timeout(LONG / 3):
            with pytest.raises(ResultGone):
                await task.result()


async def test_a_result_that_is_not_kept_is_never_made_up(app: QueueTasks) -> None:
    """With `result_ttl=0` who waits gets the value or is told that it is gone, soon and nothing else."""

    @app.task(result_ttl=0)
    async def brief(number: int) -> int:
        return number

    told: list[object] = []
    async with working(app):
        for number in range(20):
            task = await brief.add_task(number)
            try:
                told.append(await task.result(timeout=30) == number)
            except ResultGone:
                told.append(True)

    assert told == [True] * 20


async def test_a_waiter_learns_that_its_task_was_removed(app: QueueTasks) -> None:
    """Who waits without a limit when the record goes is released within a second or two."""

    @app.task
    async def never() -> None: ...

    task = await never.add_task()
    waits = [asyncio.create_task(task.wait()) for _ in range(3)]
    with pytest.raises(ResultTimeout):
        await task.wait(timeout=0.1)
    await app.flush_all()

    async with asyncio.timeout(30):
        ended = await asyncio.gather(*waits, return_exceptions=True)
    assert [type(one) for one in ended] == [ResultGone] * 3


async def test_a_retry_keeps_the_id_and_the_waiter(app: QueueTasks) -> None:
    """Who waited from the beginning gets the value of the fourth run."""
    runs = 0

    @app.task(retry=3, backoff=0.05)
    async def flaky() -> int:
        nonlocal runs
        runs += 1
        if runs < 4:
            raise OSError("not yet")
        return runs

    task = await flaky.add_task()
    wait = asyncio.create_task(task.wait())
    async with working(app):
        async with asyncio.timeout(30):
            done = await wait

    assert (done.id, done.value(), done.attempts) == (task.id, 4, 4)


async def test_an_expired_task_has_one_answer(place: Place) -> None:
    """While the only slot is busy its time runs out: it is dead, says so each time, and never runs."""
    app = place.app(max_tasks_process=1)
    began, gate, ran = asyncio.Event(), asyncio.Event(), []

    @app.task
    async def busy() -> None:
        began.set()
        await gate.wait()

    @app.task(expires=0.2)
    async def late() -> None:
        ran.append(1)

    async with working(app):
        await busy.add_task()
        await asyncio.wait_for(began.wait(), 30)
        task = await late.add_task()
        wait = asyncio.create_task(task.wait())
        over = time.time() + 0.3
        await until(lambda: time.time() > over)
        gate.set()
        at_once = await asyncio.wait_for(wait, 30)
        await ends([await busy.add_task()])
        later = await task.refresh()
        with pytest.raises(TaskDead, match="expired"):
            await task.result(timeout=30)

    assert (at_once.status, ran) == ("dead", [])
    assert "expired" in (at_once.reason or "")
    assert later.record == at_once.record


# A store that is down when tasks end


@contextmanager
def _down(path: Path) -> Iterator[None]:
    """Hold the lock of a file, so that nobody can write to it."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture(autouse=True)
def _each_try_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the log say each try, not only the first one: it is counted here."""
    monkeypatch.setattr("qtasks.worker.repeats.INTERVAL", 0.0)


@pytest.fixture(params=["queue in memory", "queue in another file", "both in one file"])
async def stored(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[QueueTasks]:
    """An app whose records are in the file `records.db`, and that has little patience with it."""
    monkeypatch.setattr(_session, "PATIENCE", 0.05)
    records = f"sqlite:///{tmp_path / 'records.db'}"
    broker: AsyncMemoryBroker | AsyncSQLiteBroker
    if request.param == "queue in memory":
        broker = AsyncMemoryBroker(storage=AsyncSQLiteStorage(records))
    elif request.param == "queue in another file":
        queue = f"sqlite:///{tmp_path / 'queue.db'}"
        broker = AsyncSQLiteBroker(queue, storage=AsyncSQLiteStorage(records))
    else:
        broker = AsyncSQLiteBroker(records)
    app = QueueTasks("stored", broker=broker, plugins=False)
    app.config.lease = 10.0
    yield app
    await app.disconnect()


async def test_outcomes_wait_for_a_store_that_is_down(
    stored: QueueTasks, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Twenty tasks end while nothing can be recorded; later all results are there, after one run each."""
    stored.config.max_tasks_process = 20
    gate, running, ran = asyncio.Event(), set[int](), list[int]()

    @stored.task
    async def work(number: int) -> int:
        running.add(number)
        await gate.wait()
        ran.append(number)
        return number

    async with working(stored):
        tasks = [await work.add_task(number) for number in range(20)]
        await until(lambda: len(running) == 20)
        with _down(tmp_path / "records.db"):
            gate.set()
            await until(lambda: len(ran) == 20)
            await until(lambda: sum("wait to be recorded" in text for text in caplog.messages) >= 3)
        assert [task.value() for task in await ends(tasks)] == list(range(20))
        assert {task.losses for task in await ends(tasks)} == {0}

    assert sorted(ran) == list(range(20))
    assert (await stored.counts()).by_status == {"success": 20}


async def test_a_long_outage_of_the_store_costs_no_slot(
    stored: QueueTasks, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """After many failed tries the worker runs as many bodies at a time as before; none is left running."""
    stored.config.max_tasks_process = 4
    hold, running, most = asyncio.Event(), 0, 0

    @stored.task
    async def work() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await hold.wait()
        running -= 1

    async with working(stored):
        first = [await work.add_task() for _ in range(4)]
        await until(lambda: running == 4)
        with _down(tmp_path / "records.db"):
            hold.set()
            await until(lambda: sum("cannot" in t or "wait to be" in t for t in caplog.messages) >= 5)
        await ends(first)
        hold.clear()
        most = 0
        second = [await work.add_task() for _ in range(4)]
        await until(lambda: running == 4)
        hold.set()
        await ends(second)

    assert most == 4
    assert (await stored.counts()).by_status == {"success": 8}


async def test_no_recovery_changes_what_is_final(place: Place) -> None:
    """Short tasks under the shortest lease on three workers: one run each, no final record ever changes."""
    apps = [place.app(lease=0.2, max_tasks_process=20) for _ in range(3)]
    ran: list[int] = []

    async def brief(number: int) -> int:
        await asyncio.sleep(number % 20 / 1000)
        ran.append(number)
        return number

    for app in apps:
        app.task(brief)
    first, *_ = apps
    async with working(*apps):
        tasks = await first.add_tasks(Call("brief", (number,), {}) for number in range(400))
        done = await ends(tasks, 30)
        before = [task.record for task in done]
        over = time.monotonic() + 3 * 0.2
        changed: list[object] = []
        while time.monotonic() < over:
            after = [(await task.refresh()).record for task in tasks[::20]]
            changed += [one for one, was in zip(after, before[::20], strict=True) if one != was]
        after = [(await task.refresh()).record for task in tasks]

    assert changed == []
    assert after == before
    assert (await first.counts()).by_status == {"success": 400}
    assert [record.losses for record in after] == [0] * 400
    assert sorted(ran) == list(range(400))
