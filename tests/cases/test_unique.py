"""Unique tasks whose holder dies, and cancellations that come at any moment."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cases.apps import Place, ends, until, until_seen, working
from conformance.seldom import SELDOM, look_seldom
from processes.place import Place as ProcessPlace
from processes.place import ends as ended_by

from qtasks import Unique
from qtasks.asyncio import QueueTasks, Task
from qtasks.errors import TaskCancelled, TaskNotFound
from qtasks.memory import AsyncMemoryBroker
from qtasks.models import Cancelled, Signal
from qtasks.options import CallOptions
from qtasks.producer import Call
from qtasks.status import TaskStatus
from qtasks_sqlite._signals import Signals


def _keys(path: Path) -> int:
    """Return how many unique keys the file holds."""
    with closing(sqlite3.connect(path, timeout=30)) as file:
        count: int = file.execute("SELECT count(*) FROM task WHERE unique_key IS NOT NULL").fetchone()[0]
        return count


async def _send(place: ProcessPlace, name: str, *args: object, unique: bool | str) -> Task[Any]:
    call = Call(name, args, {}, CallOptions(unique=Unique.of(unique)))
    return await place.client.send_one(call, None)


@pytest.mark.parametrize("unique", [True, "account-{}"], ids=["arguments", "a name made of an argument"])
async def test_a_mark_does_not_outlive_its_task(processes: ProcessPlace, unique: bool | str) -> None:
    """Its holder is killed: it is recovered and keeps the mark until its end; then the next one runs."""
    gate = processes.gate()
    key = unique.format(7) if isinstance(unique, str) else unique
    doomed = await processes.worker(QTASKS_RESULT_TTL=1)
    first = await _send(processes, "hold", "one", gate, unique=key)
    await processes.began("one")
    assert (await _send(processes, "hold", "one", gate, unique=key)).id == first.id
    doomed.kill()
    assert (await _send(processes, "hold", "one", gate, unique=key)).id == first.id

    survivor = await processes.worker(QTASKS_RESULT_TTL=1)
    await processes.began("one", 2)
    Path(gate).unlink()
    assert await first.result(30) == survivor.pid
    second = await _send(processes, "hold", "one", gate, unique=key)
    assert second.id != first.id
    assert await second.result(30) == survivor.pid
    assert processes.runs() == {"one": 3}
    await until(lambda: _keys(processes.path) == 0)


async def test_a_mark_is_free_when_its_task_was_given_up(processes: ProcessPlace) -> None:
    """A task that kills its workers ends `dead`, which is seen; the next one with its mark is accepted."""
    first = await _send(processes, "poison", "one", unique="only")
    for _ in range(2):
        worker = await processes.worker(QTASKS_MAX_DELIVERIES=2)
        assert await worker.end() == -signal.SIGKILL
        assert (await _send(processes, "poison", "one", unique="only")).id == first.id
    await processes.worker(QTASKS_MAX_DELIVERIES=2)
    record = await processes.reaches(first, TaskStatus.DEAD)
    second = await _send(processes, "count", "two", unique="only")
    assert await second.result(30) == "two"  # the mark is of one task: another has its own
    third = await _send(processes, "poison", "three", unique="only")

    assert "lost 2 times" in (record.reason or "")
    assert ended_by(record) == ["lost", "lost"]
    assert third.id != first.id


async def test_many_marks_leave_no_trace(place: Place) -> None:
    """A thousand tasks with a key each: once their records have expired nothing of the keys is left."""
    app = place.app(max_tasks_process=100)

    ran: list[int] = []

    @app.task(unique=True, result_ttl=0.5)
    async def small(number: int) -> None:
        ran.append(number)

    async with working(app):
        tasks = await app.add_tasks(small.bind(number) for number in range(1000))
        assert len({task.id for task in tasks}) == 1000
        await until(lambda: len(ran) >= 1000)
        assert sorted(ran) == list(range(1000))

        async def none_left() -> bool:
            return (await app.counts()).total == 0

        await until_seen(none_left)
        again = await app.add_tasks(small.bind(number) for number in range(3))
        assert {task.id for task in again}.isdisjoint({task.id for task in tasks})
        await until(lambda: len(ran) >= 1003)
        await until_seen(none_left)

        if isinstance(app.broker, AsyncMemoryBroker):
            hub = app.broker.location.hub(app.name, app.clock, keeps=True)
            assert (len(hub._items), len(hub._keys._tasks)) == (0, 0)
        else:
            await until(lambda: _keys(Path(place.url.removeprefix("sqlite:///"))) == 0)


async def test_a_mark_may_be_of_a_task_that_is_tried_again(place: Place) -> None:
    """Between two runs it keeps others away too; a requeued one is not refused."""
    app = place.app()
    fails = True

    @app.task(unique="only", retry=1, backoff=0.3)
    async def flaky(name: str) -> str:
        if fails:
            raise OSError(name)
        return name

    async with working(app):
        first = await flaky.add_task("first")
        await first.wait(30, until={TaskStatus.RETRY})
        assert (await flaky.add_task("other")).id == first.id
        assert (await first.wait(30)).status == "error"
        fails = False
        second = await flaky.add_task("second")
        assert await app.requeue(first.id)
        assert [await second.result(30), await first.result(30)] == ["second", "first"]


class Bodies:
    """Tasks that write down that they ran."""

    def __init__(self, *apps: QueueTasks) -> None:
        self.ran: list[str] = []
        self.gate = asyncio.Event()
        self.is_holding = asyncio.Event()
        for app in apps:
            app.task(name="note")(self.note)
            app.task(name="hold")(self.hold)
            app.task(name="fail", retry=5, backoff=0.3)(self.fail)

    async def note(self, name: str) -> None:
        """Run."""
        self.ran.append(name)

    async def hold(self) -> None:
        """Take the slot."""
        self.is_holding.set()
        await self.gate.wait()

    async def fail(self) -> None:
        """Be tried again."""
        self.ran.append("fail")
        raise OSError


async def test_what_waits_is_cancelled_for_good(place: Place) -> None:
    """Queued with no worker, delayed, behind a running one, between two runs: none runs, restarts or not."""
    sender, worker = place.app(), place.app(max_tasks_process=1)
    bodies = Bodies(sender, worker)
    note = sender.tasks["note"]
    assert note is not None
    cancelled = [
        await sender.add_task("note", "queued"),
        await sender.send_one(Call("note", ("delayed",), {}, CallOptions(delay=0.3), note), None),
    ]
    assert [await task.cancel("no need") for task in cancelled] == [Cancelled.ENDED] * 2

    async with working(worker):
        failing = await sender.add_task("fail")
        await failing.wait(30, until={TaskStatus.RETRY})
        assert await sender.cancel(failing.id, "no need") is Cancelled.ENDED
        holding = await sender.add_task("hold")
        await bodies.is_holding.wait()
        behind = await sender.add_task("note", "behind")
        waiter = asyncio.create_task(behind.result(30))
        await asyncio.sleep(0)
        assert await sender.cancel(behind.id, "no need") is Cancelled.ENDED
        with pytest.raises(TaskCancelled, match="no need"):
            await asyncio.wait_for(waiter, 30)
        bodies.gate.set()
        await holding.result(30)
    for _ in range(2):
        async with working(worker):
            last = await sender.send_one(Call("note", ("last",), {}, CallOptions(delay=0.4), note), None)
            await last.wait(30)

    assert bodies.ran == ["fail", "last", "last"]
    for task in (*cancelled, failing, behind):
        record = (await task.refresh()).record
        assert (record.status, record.reason, record.cancel) == ("cancel", "no need", None)
        assert record.finished_at is not None


async def test_what_runs_is_cancelled_soon(place: Place) -> None:
    """On the loop with `finally` blocks, in a thread at its next line; a call of C is given up after 1 s."""
    sender, worker = place.app(), place.app(max_tasks_process=1)
    told: list[str] = []
    began, released = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    async def on_the_loop() -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            told.append("loop")

    def in_a_thread() -> None:
        try:
            loop.call_soon_threadsafe(began.set)
            while True:
                time.sleep(0.005)
        finally:
            told.append("thread")

    def in_c() -> None:
        loop.call_soon_threadsafe(began.set)
        released.wait(60)
        told.append("C")

    bodies: list[Callable[[], Any]] = [on_the_loop, in_a_thread, in_c]
    for body in bodies:
        worker.task(retry=3)(body)

    async with working(worker):
        for body in bodies:
            began.clear()
            task = await sender.add_task(body.__name__)
            await began.wait()
            assert await task.cancel("enough") is Cancelled.ASKED
            done = await task.wait(30)
            assert (done.status, done.reason, done.attempts) == ("cancel", "enough", 1)

        assert told == ["loop", "thread"]
        released.set()


async def test_each_of_many_wishes_is_heard_at_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other for twenty that run: none is left to be found by a look."""
    look_seldom(monkeypatch)
    sender, worker = place.app(), place.app(max_tasks_process=20)
    began = 0

    async def sleep() -> None:
        nonlocal began
        began += 1
        await asyncio.sleep(60)

    worker.task(sleep)
    async with working(worker):
        tasks = [await sender.add_task("sleep") for _ in range(20)]
        await until(lambda: began == 20)
        for task in tasks:
            assert await task.cancel("enough") is Cancelled.ASKED
        assert {task.status.value for task in await ends(tasks, SELDOM / 2)} == {"cancel"}


async def test_a_wish_is_heard_that_comes_while_the_worker_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The news of it comes after the look has read the file, and before the worker sleeps."""
    look_seldom(monkeypatch)
    place = Place(f"sqlite:///{tmp_path / 'tasks.db'}")
    sender, worker = place.app(), place.app()
    look, has_looked, go_on = Signals._look, asyncio.Event(), asyncio.Event()

    async def slow_look(signals: Signals) -> list[Signal]:
        found = await look(signals)
        if not found:
            has_looked.set()
            await go_on.wait()
        return found

    async def sleep() -> None:
        await asyncio.sleep(60)

    worker.task(sleep)
    async with working(worker):
        tasks = [await sender.add_task("sleep") for _ in range(2)]
        for task in tasks:
            await task.wait(30, until={TaskStatus.PROCESS})
        monkeypatch.setattr(Signals, "_look", slow_look)
        await tasks[0].cancel("first")
        await tasks[0].wait(30)
        await has_looked.wait()
        await tasks[1].cancel("second")
        await asyncio.sleep(0.1)  # the system gives notice of it
        go_on.set()
        await tasks[1].wait(SELDOM / 2)
    await place.close()


async def test_a_wish_outlives_the_worker_that_could_not_hear_it(processes: ProcessPlace) -> None:
    """It was stopped and then killed: no other one runs the task, and what was queued stays cancelled too."""
    gate = processes.gate()
    deaf = await processes.worker("--concurrency", 1)
    running = await processes.client.add_task("hold", "running", gate)
    await processes.began("running")
    queued = await processes.client.add_task("count", "queued")
    kept = await processes.client.add_task("count", "kept")
    await processes.freeze(deaf)
    assert await queued.cancel("no need") is Cancelled.ENDED
    assert await running.cancel("no need") is Cancelled.ASKED
    assert (await running.refresh()).cancel_wished == "no need"
    deaf.kill()

    await processes.worker()
    record = await processes.reaches(running, TaskStatus.CANCEL)
    assert await kept.result(30) == "kept"
    assert (record.reason, record.attempts, ended_by(record)) == ("no need", 0, ["lost"])
    assert (await queued.refresh()).status == "cancel"
    assert processes.runs() == {"running": 1, "kept": 1}
    assert processes.lines("end") == []


async def test_real_workers_end_what_runs(processes: ProcessPlace) -> None:
    """Another process asks; a body on the loop and one in a thread end at once, and their slots are free."""
    gate = processes.gate()
    worker = await processes.worker("--concurrency", 2)
    tasks = [await processes.client.add_task(name, name, gate) for name in ("hold", "keep")]
    for name in ("hold", "keep"):
        await processes.began(name)
    for task in tasks:
        assert await task.cancel("enough") is Cancelled.ASKED
    for task in tasks:
        assert (await task.wait(30)).status == "cancel"
    free = [await processes.client.add_task("nap", f"{number}", 0.01) for number in range(2)]

    assert [await task.result(30) for task in free] == [worker.pid] * 2
    assert processes.lines("end", "hold") + processes.lines("end", "keep") == []
    assert worker.process.poll() is None


async def test_no_wish_is_kept_for_an_id_that_comes_later(place: Place) -> None:
    """Asked before the task is there, right after its end, after its record is gone: the next one runs."""
    sender, worker = place.app(), place.app()
    ran = 0

    async def once() -> int:
        nonlocal ran
        ran += 1
        return ran

    for app in (sender, worker):
        app.task(name="once", result_ttl=3.0)(once)
    call = Call("once", (), {}, CallOptions(id=str(uuid4())), sender.tasks["once"])
    task_id = call.options.id
    assert task_id is not None

    async def gone() -> bool:
        try:
            await sender.get(task_id)
        except TaskNotFound:
            return True
        return False

    assert await sender.cancel(task_id) is Cancelled.UNKNOWN
    async with working(worker):
        assert await (await sender.send_one(call, None)).result(30) == 1
        assert await sender.cancel(task_id) is Cancelled.FINAL
        assert await sender.requeue(task_id)
        assert await (await sender.get(task_id)).result(30) == 2
        assert await sender.cancel(task_id) is Cancelled.FINAL
        await until_seen(gone)
        assert await sender.cancel(task_id) is Cancelled.UNKNOWN
        assert await (await sender.send_one(call, None)).result(30) == 3


async def test_a_wish_that_meets_the_end_has_one_answer(place: Place) -> None:
    """Of many that are cancelled while they end, each is `success` or `cancel`, as was told, and stays so."""
    sender, worker = place.app(), place.app(max_tasks_process=20)
    bodies = Bodies(sender, worker)

    async with working(worker):
        tasks = await sender.add_tasks(Call("note", (f"{number}",), {}) for number in range(200))
        answers = await asyncio.gather(*(task.cancel("race") for task in tasks))
        done = await ends(tasks)
        again = [await task.refresh() for task in tasks]

    assert [task.status for task in done] == [task.status for task in again]
    for task, answer in zip(done, answers, strict=True):
        if answer is Cancelled.ENDED:
            assert task.status == "cancel"
        if answer is Cancelled.FINAL or answer is Cancelled.UNKNOWN:
            assert (task.status, answer) == ("success", Cancelled.FINAL)
        if task.status == "cancel" and answer is Cancelled.ENDED:
            assert task.args[0] not in bodies.ran
    assert len(bodies.ran) == len(set(bodies.ran))
