"""Named queues and dead letters: looking, pausing, purging, weights."""

from __future__ import annotations

import asyncio
import re

import pytest
from core.conftest import Working
from features.conftest import begun, until

from qtasks.asyncio import QueueTasks, Task
from qtasks.errors import BackendUnavailable, ConfigError, TaskCancelled
from qtasks.protocols import Storage
from qtasks.status import TaskStatus
from qtasks.worker import dead as bounding


async def test_sizes_and_ages(app: QueueTasks, working: Working) -> None:
    """Ready, delayed and running, by queue."""
    app.config.queues = ("fast",)
    gate = asyncio.Event()

    @app.task(queue="fast")
    async def hold() -> None:
        await gate.wait()

    @app.task(queue="slow")
    async def wait() -> None: ...

    await app.add_tasks(wait.bind() for _ in range(3))
    await wait.options(delay=60).add_task()
    async with working(app):
        await begun(await hold.add_task())
        fast, slow = await app.queues.info()
        gate.set()

    assert (fast.name, fast.ready, fast.delayed, fast.running, fast.age) == ("fast", 0, 0, 1, None)
    assert (slow.name, slow.ready, slow.delayed, slow.running) == ("slow", 3, 1, 0)
    assert slow.age is not None
    assert 0 <= slow.age < 60
    assert (slow.waiting, slow.is_paused) == (4, False)


async def test_a_paused_queue_rests(app: QueueTasks, working: Working) -> None:
    """Tasks are accepted, and run when it is resumed; other queues go on. A worker that starts knows it."""
    app.config.queues = ("default", "other")
    ran: list[str] = []

    @app.task
    async def note(name: str) -> None:
        ran.append(name)

    await app.queues.pause("default")
    assert await app.queues.paused() == {"default"}
    async with working(app):
        waiting = await note.add_task("paused")
        await (await note.options(queue="other").add_task("other")).wait(30)
        assert ran == ["other"]
        await app.queues.resume("default")
        await waiting.wait(30)
        await app.queues.pause("default")
        await app.queues.pause("other")
        async with asyncio.timeout(30):
            while (state := await _taken(note)) is not None:
                await state
        assert [queue.is_paused for queue in await app.queues.info()] == [True, True]

    assert ran[:2] == ["other", "paused"]


async def _taken(note: object) -> asyncio.Future[object] | None:
    """Send a task; None once the worker leaves it alone for a moment."""
    task = await note.add_task("probe")  # type: ignore[attr-defined]
    try:
        await task.wait(0.3)
    except TimeoutError:
        await task.cancel()
        return None
    return asyncio.ensure_future(asyncio.sleep(0))


async def test_a_purge_ends_what_waits(app: QueueTasks, working: Working) -> None:
    """As `cancel`, so whoever waits is told; what runs goes on, other queues stay."""
    app.config.max_tasks_process = 1
    gate = asyncio.Event()

    @app.task
    async def hold() -> str:
        await gate.wait()
        return "ran"

    async with working(app):
        running = await hold.add_task()
        await begun(running)
        waiting = await app.add_tasks(hold.bind() for _ in range(5))
        delayed = await hold.options(delay=60).add_task()
        kept = await hold.options(queue="kept").add_task()
        assert await app.queues.purge("default") == 6
        with pytest.raises(TaskCancelled, match="purged from default"):
            await waiting[0].result(30)
        gate.set()
        assert await running.result(30) == "ran"

    assert (await delayed.refresh()).status == "cancel"
    assert (await kept.refresh()).status == "new"


async def test_a_peek_shows_who_is_next(app: QueueTasks) -> None:
    """In the order in which they would be taken, and takes none."""

    @app.task
    async def work(number: int) -> None: ...

    tasks = [await work.options(priority=p).add_task(p) for p in (1, 5, 3, 5)]

    peeked = await app.queues.peek("default", limit=3)

    assert [task.id for task in peeked] == [tasks[1].id, tasks[3].id, tasks[2].id]
    assert (await app.queues.peek("nothing")) == []
    assert (await app.queues.info())[0].ready == 4


async def test_weights_share_a_worker(app: QueueTasks, working: Working) -> None:
    """With 3 to 1 the first queue is begun with three times as often, whatever the priorities."""
    app.config.queues = ("high=3", "low=1")
    app.config.max_tasks_process = 1
    ran: list[str] = []

    @app.task
    async def note(queue: str) -> None:
        ran.append(queue)

    for queue, priority in (("low", 9), ("high", 0)):
        call = note.options(queue=queue, priority=priority)
        await app.add_tasks(call.bind(queue) for _ in range(40))
    async with working(app):
        await until(lambda: len(ran) >= 40)

    assert 25 <= ran[:40].count("high") <= 35


async def test_dead_letters_are_looked_after(app: QueueTasks, working: Working) -> None:
    """Listed by queue and name, run again, or removed for good."""
    app.config.dead_ttl = None

    @app.task(expires=0.001)
    async def late() -> str:
        return "ran"

    @app.task(expires=0.001)
    async def other() -> None: ...

    tasks = await app.add_tasks([late.bind(), late.bind(), other.bind()])
    await asyncio.sleep(0.01)
    async with working(app):
        for task in tasks:
            assert (await task.wait(30)).status == "dead"
        assert {task.id for task in await app.dead.tasks()} == {task.id for task in tasks}
        assert [task.id for task in await app.dead.tasks(task="other")] == [tasks[2].id]
        assert await app.dead.requeue(tasks[0].id) == 1
        assert await tasks[0].result(30) == "ran"
        assert await app.dead.requeue(tasks[0].id) == 0  # it is not dead any more
        assert await app.dead.purge(task="other") == 1
        assert await app.dead.requeue_all(queue="default") == 1
        assert await tasks[1].result(30) == "ran"

    assert await app.dead.tasks() == []
    assert (await app.counts()).total == 2


async def test_dead_letters_are_counted_by_queue(app: QueueTasks, working: Working) -> None:
    """A queue tells how many dead letters it has left behind, also where it holds nothing any more."""
    app.config.queues = ("fast", "slow")

    @app.task(expires=1e-9)
    async def late() -> None: ...

    @app.task(queue="fast")
    async def work() -> None: ...

    tasks = await app.add_tasks(late.options(queue=name).bind() for name in ("slow", "slow", "fast"))
    assert [queue.dead for queue in await app.queues.info()] == [0, 0]
    async with working(app):
        for task in tasks:
            assert (await task.wait(30)).status == "dead"
        await (await work.add_task()).wait(30)
    await work.add_task()

    fast, slow = await app.queues.info()
    assert (fast.name, fast.ready, fast.dead) == ("fast", 1, 1)
    assert (slow.name, slow.waiting, slow.running, slow.age, slow.dead) == ("slow", 0, 0, None, 2)
    assert await app.dead.purge(queue="slow") == 2
    assert [(queue.name, queue.dead) for queue in await app.queues.info()] == [("fast", 1)]


async def test_dead_letters_are_bounded(
    app: QueueTasks, working: Working, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond `max_dead` those that ended first go, and the log says how many and what to do."""
    monkeypatch.setattr(bounding, "INTERVAL", 0.0)

    @app.task(expires=1e-9)
    async def late() -> None: ...

    async def die(number: int) -> list[Task[None]]:
        tasks = await app.add_tasks(late.bind() for _ in range(number))
        for task in tasks:
            assert (await task.wait(30)).status == "dead"
        return tasks

    async def left(number: int) -> set[str]:
        async with asyncio.timeout(30):
            while (await app.counts())[TaskStatus.DEAD] != number:
                await asyncio.sleep(0.005)
        return {task.id for task in await app.dead.tasks()}

    async with working(app):
        old = await die(4)
        assert await left(4) == {task.id for task in old}
        assert "max_dead" not in caplog.text
        app.config.max_dead = 2
        (young,) = await die(1)
        assert young.id in await left(2)
    told = re.findall(r"(\d+) dead letters, the oldest, were removed: .* more than max_dead=2;", caplog.text)
    assert sum(map(int, told)) == 3
    app.config.max_dead = 1
    async with working(app):  # the bound may be a new one: it is looked at from the start
        assert await left(1) == {young.id}


async def test_a_bound_that_could_not_be_kept_is_tried_again(
    app: QueueTasks, working: Working, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the backend fails the worker goes on, says so, and looks again."""
    monkeypatch.setattr(bounding, "INTERVAL", 0.0)
    app.config.max_dead = 1
    kind, failing = type(app.storage), [True, True]
    trim_dead = kind.trim_dead

    async def fail_twice(storage: Storage, keep: int) -> int:
        if failing:
            failing.pop()
            raise BackendUnavailable("away")
        return await trim_dead(storage, keep)

    @app.task(expires=1e-9)
    async def late() -> None: ...

    monkeypatch.setattr(kind, "trim_dead", fail_twice)
    await app.add_tasks(late.bind() for _ in range(3))
    async with working(app):
        await until(lambda: "dead letters, the oldest, were removed" in caplog.text)

    assert "dead letters beyond max_dead could not be removed: away" in caplog.text
    assert len(await app.dead.tasks()) <= 2


async def test_tasks_are_found(app: QueueTasks) -> None:
    """By status, queue and name, the youngest first, page by page."""

    @app.task
    async def a() -> None: ...

    @app.task
    async def b() -> None: ...

    made = [await (a if i % 2 else b).options(queue=f"q{i % 3}").add_task() for i in range(9)]
    await made[0].cancel()

    assert [task.id for task in await app.find()] == [task.id for task in reversed(made)]
    assert [task.id for task in await app.find(status="cancel")] == [made[0].id]
    assert {task.task_name for task in await app.find(task="a")} == {"a"}
    assert {task.queue for task in await app.find(queue="q1", status=["new", "retry"])} == {"q1"}
    first = await app.find(limit=4)
    second = await app.find(limit=4, after=first[-1])
    assert [task.id for task in first + second] == [task.id for task in reversed(made)][:8]


async def test_workers_are_known(app: QueueTasks, working: Working) -> None:
    """While they live."""
    app.config.queues = ("x", "y=2")
    assert await app.workers() == []
    async with working(app):
        (worker,) = await app.workers()
        assert (worker.queues, worker.slots) == (("x", "y"), 10)
    assert await app.workers() == []


@pytest.mark.parametrize("name", ["", "a\n", "x" * 201, 7, "a=3", "a,b"])
async def test_what_is_no_queue_is_refused(app: QueueTasks, name: str) -> None:
    """Also where it is only looked after."""
    for call in (app.queues.pause, app.queues.resume, app.queues.purge, app.queues.peek):
        with pytest.raises(ConfigError, match="queue name"):
            await call(name)
