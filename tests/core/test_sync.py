"""The blocking face: the same app in blocking calls."""

from __future__ import annotations

import asyncio
import inspect
import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import qtasks.asyncio
from qtasks import QueueTasks, SyncRouter
from qtasks.errors import ResultTimeout, UsageError
from qtasks.sync import SyncTask
from qtasks.sync import Task as SyncHandle


@pytest.fixture
def app(tmp_path: Path) -> Iterator[QueueTasks]:
    """A blocking app on a file of its own."""
    app = QueueTasks("sync", broker_url=f"sqlite:///{tmp_path / 'tasks.db'}", plugins=False)
    yield app
    app.disconnect()


def test_a_blocking_app_sends_and_waits(app: QueueTasks) -> None:
    """A worker in a thread makes its loop the home; blocking calls hop to it."""

    @app.task
    def add(a: int, b: int) -> int:
        return a + b

    worker = threading.Thread(target=app.run_forever, daemon=True)
    worker.start()
    try:
        assert add.add_task(1, 2, timeout=10).returning == 3
        assert app.add_task("add", 2, 3).result(timeout=10) == 5
        assert [t.result(10) for t in app.add_tasks(add.bind(i, 1) for i in range(3))] == [1, 2, 3]
        assert app.ping()
    finally:
        app.stop()
        worker.join(10)
    assert not worker.is_alive()


def test_a_wait_that_is_too_short_raises(app: QueueTasks) -> None:
    """The blocking wait ends in ResultTimeout like the other one."""

    @app.task
    def never() -> None: ...

    with pytest.raises(ResultTimeout):
        never.add_task(timeout=0.05)


def test_many_threads_may_send_at_once(app: QueueTasks) -> None:
    """20 threads with 20 calls each: 400 tasks, none lost, none doubled."""

    @app.task
    def nothing(i: int) -> None: ...

    with ThreadPoolExecutor(20) as pool:
        ids = {task.id for task in pool.map(nothing.add_task, range(400))}

    assert len(ids) == 400
    assert app.counts().total == 400


async def test_inside_a_running_loop_it_names_the_other_face(app: QueueTasks) -> None:
    """Waiting there would stop the loop, so the call is refused at once."""

    @app.task
    def nothing() -> None: ...

    with pytest.raises(UsageError, match=r"qtasks\.asyncio"):
        nothing.add_task()


def test_blocking_and_asynchronous_calls_may_follow_each_other(app: QueueTasks) -> None:
    """The portal's loop, a loop of asyncio.run, and the portal's again."""

    @app.task
    def nothing() -> None: ...

    nothing.add_task()
    app.disconnect()
    asyncio.run(_send_once(app))
    nothing.add_task()
    assert app.counts().total == 3


async def _send_once(app: QueueTasks) -> None:
    await app.engine.add_task("nothing")


def _child(app: QueueTasks, outcome: multiprocessing.Queue[int]) -> None:
    outcome.put(os.getpid() if app.add_task("nothing").status == "new" else 0)


def test_a_forked_child_gets_connections_of_its_own(app: QueueTasks) -> None:
    """After a fork the child sends through a fresh loop and the parent goes on."""

    @app.task
    def nothing() -> None: ...

    nothing.add_task()
    context = multiprocessing.get_context("fork")
    outcome: multiprocessing.Queue[int] = context.Queue()
    child = context.Process(target=_child, args=(app, outcome))
    child.start()
    assert outcome.get(timeout=20) == child.pid
    child.join(20)

    assert child.exitcode == 0
    nothing.add_task()
    assert app.counts().total == 3


def test_router_tasks_work_in_a_blocking_app(app: QueueTasks) -> None:
    """A bare `@router.task` registers, and can be sent once the router is included."""
    router = SyncRouter()

    @router.task
    def hello() -> None: ...

    app.include_router(router)
    assert hello.add_task().status == "new"


@pytest.mark.parametrize(
    ("blocking", "asynchronous"),
    [
        (QueueTasks, qtasks.asyncio.QueueTasks),
        (SyncTask, qtasks.asyncio.AsyncTask),
        (SyncHandle, qtasks.asyncio.Task),
    ],
)
def test_both_faces_have_the_same_signatures(blocking: type, asynchronous: type) -> None:
    """Each public method of the blocking face takes what its asynchronous twin takes."""
    names = {n for n, f in vars(blocking).items() if inspect.isfunction(f) and not n.startswith("_")}
    assert len(names) > 2
    for name in names:
        mine, twin = (inspect.signature(getattr(kind, name)) for kind in (blocking, asynchronous))
        generic = {"args", "kwargs"} == set(mine.parameters) - {"self", "task_name"}
        if not generic:
            assert list(mine.parameters) == list(twin.parameters), name
        assert getattr(blocking, name).__doc__
