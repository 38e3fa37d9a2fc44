"""The blocking face of queues, dead letters, cancellations, chains, streams and contexts, in a real run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from qtasks import QueueTasks
from qtasks.config import QueueConfig
from qtasks.errors import (
    ConfigError,
    ResultGone,
    ResultTimeout,
    TaskArgumentError,
    TaskCancelled,
    TaskDead,
    TaskFailed,
    TaskNotFound,
    UsageError,
)
from qtasks.models import Cancelled
from qtasks.status import TaskStatus
from qtasks.sync import SyncResult, SyncTask, Task

NOBODY = "0b5c3f9e-63b5-4c1f-8d2e-0a4b6f1d9c77"


@pytest.fixture(params=["memory", "sqlite"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[QueueTasks]:
    """A blocking app with a short lease."""
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path / 'tasks.db'}"
    app = QueueTasks("blocking", url, config=QueueConfig(lease=1.0, grace=5.0), plugins=False)
    yield app
    app.disconnect()


@contextmanager
def working(app: QueueTasks) -> Iterator[None]:
    """Let the app work in a second thread."""
    with app:  # what is in memory stays there while the worker comes and goes
        worker = threading.Thread(target=app.run_forever, daemon=True)
        worker.start()
        until(app.ping)
        try:
            yield
        finally:
            app.stop()
            worker.join(30)
    assert not worker.is_alive()


def until(condition: Callable[[], object]) -> None:
    """Wait until it is so; fail after half a minute."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_queues_are_looked_after(app: QueueTasks) -> None:
    """Info, pause, resume, peek and purge say and do what they do asynchronously."""

    @app.task(queue="slow")
    def work(number: int) -> int:
        return number

    tasks = [work.options(priority=priority).add_task(priority) for priority in (1, 5, 3)]
    work.options(delay=60).add_task(0)
    (state,) = app.queues.info()

    assert (state.name, state.ready, state.delayed, state.running, state.waiting) == ("slow", 3, 1, 0, 4)
    peeked = app.queues.peek("slow", 2)
    assert [task.id for task in peeked] == [tasks[1].id, tasks[2].id]
    assert {type(task) for task in peeked} == {Task}
    app.queues.pause("slow")
    assert (app.queues.paused(), app.queues.info()[0].is_paused) == (frozenset({"slow"}), True)
    app.queues.resume("slow")
    assert app.queues.paused() == frozenset()
    assert app.queues.purge("slow") == 4
    with pytest.raises(TaskCancelled, match="purged from slow"):
        tasks[0].result(30)
    with pytest.raises(ConfigError, match="queue name"):
        app.queues.purge("")


def test_a_pause_reaches_the_worker_in_the_other_thread(app: QueueTasks) -> None:
    """What is sent to a paused queue runs once it is resumed."""

    @app.task
    def work(number: int) -> int:
        return number

    app.queues.pause("default")
    with working(app):
        waiting = work.add_task(1)
        with pytest.raises(ResultTimeout):
            waiting.result(0.3)
        app.queues.resume("default")
        assert waiting.result(30) == 1


def test_dead_letters_are_looked_after(app: QueueTasks) -> None:
    """Listed, run again one by one and all together, and removed."""

    @app.task(expires=0.001)
    def late(number: int) -> int:
        return number

    @app.task(expires=0.001, queue="other")
    def other() -> None: ...

    app.config.queues = ("default", "other")
    tasks: list[Task[Any]] = [late.add_task(1), late.add_task(2), other.add_task()]
    time.sleep(0.01)  # their time must be over
    with working(app):
        for task in tasks:
            with pytest.raises(TaskDead, match="expired"):
                task.result(30)
        assert {task.id for task in app.dead.tasks()} == {task.id for task in tasks}
        assert {type(task) for task in app.dead.tasks()} == {Task}
        assert [task.id for task in app.dead.tasks(queue="other", task="other", limit=5)] == [tasks[2].id]
        assert app.dead.requeue(tasks[0].id) == 1
        assert tasks[0].result(30) == 1
        assert app.dead.purge(task="other") == 1
        assert app.dead.requeue_all(queue="default") == 1
        assert tasks[1].result(30) == 2

    with pytest.raises(ResultGone):
        tasks[2].refresh()
    assert app.dead.tasks() == []


def test_tasks_are_cancelled(app: QueueTasks) -> None:
    """By the app and by the handle: what waits, what runs, what has ended, and what nobody knows."""
    began = threading.Event()

    @app.task
    def spin() -> None:
        began.set()
        while True:
            time.sleep(0.005)

    @app.task
    def quick() -> int:
        return 1

    waiting = quick.options(delay=60).add_task()
    assert app.cancel(waiting.id, "no need") is Cancelled.ENDED
    with working(app):
        running = spin.add_task()
        assert began.wait(30)
        assert running.cancel("enough") is Cancelled.ASKED
        done = running.wait(30)
        assert (done.status, done.reason, done.is_final) == ("cancel", "enough", True)
        assert quick.add_task(timeout=30).cancel() is Cancelled.FINAL

    assert waiting.refresh().reason == "no need"
    assert app.cancel(NOBODY) is Cancelled.UNKNOWN
    with pytest.raises(TaskArgumentError, match="UUID"):
        app.cancel("nothing")


def test_tasks_are_found(app: QueueTasks) -> None:
    """By status, queue and name, the youngest first, page by page, with handles that block."""

    @app.task
    def a() -> None: ...

    @app.task
    def b() -> None: ...

    made = [(a if number % 2 else b).options(queue=f"q{number % 3}").add_task() for number in range(9)]
    assert made[0].cancel() is Cancelled.ENDED

    assert [task.id for task in app.find()] == [task.id for task in reversed(made)]
    assert [task.id for task in app.find(status="cancel")] == [made[0].id]
    assert {(task.task_name, task.queue) for task in app.find(task="a", queue="q1")} == {("a", "q1")}
    first = app.find(limit=4, status=[TaskStatus.NEW])
    second = app.find(limit=4, status=[TaskStatus.NEW], after=first[-1])
    assert [task.id for task in first + second] == [task.id for task in reversed(made)][:8]
    assert second[0].refresh().status == "new"


def test_workers_are_known(app: QueueTasks) -> None:
    """While they live."""
    assert app.workers() == []
    with working(app):
        (worker,) = app.workers()
        assert (worker.queues, worker.slots) == (("default",), 10)
    assert app.workers() == []
    assert not app.ping()


def test_a_chain_runs(app: QueueTasks) -> None:
    """Sent and waited for in one call or in two; a failed step ends it."""

    @app.task
    def add(a: int, b: int) -> int:
        return a + b

    @app.task
    def fail(value: int) -> int:
        raise ValueError(f"broken {value}")

    with working(app):
        started = app.chain(add.bind(1, 2), add.step(10), add.options(priority=7).step(100)).add_task()
        assert started.result(timeout=30) == 113
        done = started.wait(30)
        assert [task.returning for task in done] == [3, 13, 113]
        assert [task.id for task in done] == list(started.ids)
        assert (started.first.id, type(started.first), done[2].priority) == (started.ids[0], Task, 7)
        assert [
            task.status.value for task in app.chain(add.bind(1, 2), fail.step(), add.step(1)).get(10)
        ] == [
            "success",
            "error",
        ]
        with pytest.raises(TaskFailed, match="broken 3"):
            app.chain(add.bind(1, 2), fail.step()).add_task().result(30)
    with pytest.raises(UsageError, match="at least one"):
        app.chain()


def test_a_stream_comes_while_the_body_runs(app: QueueTasks) -> None:
    """A blocking loop has the first value before the second is yielded; who comes late begins with it too."""
    heard = threading.Event()

    @app.task
    def numbers() -> Iterator[int]:
        yield 1
        assert heard.wait(30)
        yield 2

    @app.task
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    got: list[int] = []
    with working(app):
        task = numbers.add_task()
        for number in task.stream():
            got.append(number)
            heard.set()
        assert list(task.stream()) == task.result(30) == [1, 2]
        stream = broken.add_task().stream()
        assert next(stream) == 1
        with pytest.raises(TaskFailed, match="no more"):
            next(stream)
    assert got == [1, 2]


def test_a_stream_that_is_left_alone_keeps_nobody(app: QueueTasks) -> None:
    """Whoever breaks out of the loop may go on with other calls, and the app closes as ever."""

    @app.task
    def numbers() -> Iterator[int]:
        yield from range(100)

    with working(app):
        task = numbers.add_task()
        for number in task.stream():
            if number == 3:
                break
        assert task.wait(30).status == "success"


def test_a_result_is_had_by_its_id(app: QueueTasks) -> None:
    """SyncResult takes the app that is given, of either face, or the one that was made last."""

    @app.task
    def double(a: int) -> int:
        return 2 * a

    with working(app):
        task = double.add_task(4)
        assert SyncResult(task.id).result(timeout=30).returning == 8
        assert SyncResult(task.uuid, app=app).result(timeout=30).returning == 8
        assert SyncResult(task.id, app=app.engine).result(timeout=30).status == "success"
        waiting = double.options(delay=60).add_task(1)
        with pytest.raises(ResultTimeout):
            SyncResult(waiting.id, app).result(timeout=0.05)
    with pytest.raises(TaskNotFound):
        SyncResult(NOBODY, app).result()


def test_a_body_has_its_context(app: QueueTasks) -> None:
    """A plain body asks and tells without await, and can send; its calls go through the worker's own loop."""
    seen = threading.Event()

    @app.task
    def child(a: int) -> int:
        return a + 1

    @app.task(echo=True, retry=1, backoff=0.01)
    def parent(self: SyncTask[Any, Any], a: int) -> list[Any]:
        ctx = self.ctx
        if ctx.attempt == 1:
            raise OSError("again")
        ctx.progress(0.5, "half")
        assert seen.wait(30)
        ctx.sleep(0)
        other = self.add_task(a, task_name="child", timeout=30)
        sent = child.add_task(a + 10)
        me = ctx.get_metadata(cache=False)
        return [
            ctx.task_name == me.task_name,
            str(ctx.task_uuid) == me.id,
            me.status.value,
            other.returning,
            ctx.get_task(sent.id).result(30),
            ctx.get_config().lease,
            ctx.shutting_down,
        ]

    with working(app):
        task = parent.add_task(1)
        until(lambda: task.refresh().progress == 0.5)
        assert task.refresh().note == "half"
        seen.set()
        assert task.result(30) == [True, True, "process", 2, 12, 1.0, False]


def test_a_body_may_cancel_itself(app: QueueTasks) -> None:
    """Its blocking caller is told why."""

    @app.task(echo=True)
    def give_up(self: SyncTask[Any, Any]) -> None:
        self.ctx.cancel("nothing to do")

    with working(app), pytest.raises(TaskCancelled, match="nothing to do"):
        give_up.add_task().result(30)


def test_a_unique_call_gives_the_first_task(app: QueueTasks) -> None:
    """A blocking one too: by the option of the task, and by that of the call."""

    @app.task(unique=True)
    def load(a: int) -> int:
        return a

    first = load.add_task(1)
    assert load.add_task(a=1).id == first.id
    assert load.options(unique=False).add_task(1).id != first.id
    with working(app):
        assert first.result(30) == 1


async def test_inside_a_running_loop_each_call_is_refused(app: QueueTasks) -> None:
    """With the name of the other face, before anything is done."""

    @app.task
    def work() -> None: ...

    calls: list[Callable[[], Any]] = [
        app.queues.info,
        lambda: app.queues.pause("default"),
        app.dead.tasks,
        app.find,
        app.workers,
        lambda: app.cancel(NOBODY),
        app.chain(work.bind()).add_task,
        SyncResult(NOBODY, app).result,
    ]
    for call in calls:
        with pytest.raises(UsageError, match=r"qtasks\.asyncio"):
            call()
