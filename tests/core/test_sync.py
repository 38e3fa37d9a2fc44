"""The blocking face: the same app in blocking calls."""

from __future__ import annotations

import asyncio
import inspect
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import qtasks.asyncio
import qtasks.sync
from qtasks import QueueTasks, SyncRouter
from qtasks.chain import Chain, StartedChain
from qtasks.context import AsyncContext
from qtasks.errors import ResultTimeout, TaskArgumentError, UsageError
from qtasks.manage import DeadLetters, Queues
from qtasks.sync import SyncContext, SyncResult, SyncTask, SyncTaskCaller
from qtasks.sync import Task as SyncHandle
from qtasks.sync.manage import SyncChain, SyncDeadLetters, SyncQueues, SyncStartedChain
from qtasks.task import AsyncTaskCaller

INSIDE = {"home", "listen", "place", "read", "run", "send_one", "signature_of", "url", "use_url", "wait_for"}
"""What the blocking app has at `app.engine` alone: its life in a loop, and what handles ask of it."""


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
        assert add.add_task(1, 2, timeout=30).returning == 3
        assert app.add_task("add", 2, 3).result(timeout=30) == 5
        assert [t.result(30) for t in app.add_tasks(add.bind(i, 1) for i in range(3))] == [1, 2, 3]
        assert app.ping()
    finally:
        app.stop()
        worker.join(30)
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
    assert outcome.get(timeout=30) == child.pid
    child.join(30)

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


FACES: list[tuple[type, type, set[str]]] = [
    (QueueTasks, qtasks.asyncio.QueueTasks, INSIDE),
    (SyncTask, qtasks.asyncio.AsyncTask, set()),
    (SyncTaskCaller, AsyncTaskCaller, set()),
    (SyncHandle, qtasks.asyncio.Task, set()),
    (SyncQueues, Queues, set()),
    (SyncDeadLetters, DeadLetters, set()),
    (SyncChain, Chain, set()),
    (SyncStartedChain, StartedChain, set()),
    (SyncResult, qtasks.asyncio.AsyncResult, set()),
    (SyncContext, AsyncContext, set()),
    (SyncRouter, qtasks.asyncio.AsyncRouter, {"app", "bind"}),
]
"""Both faces of each class, and what only the asynchronous one has."""


def _public(kind: type) -> set[str]:
    """Return the names of its methods and properties, with those that it inherits."""
    members = {name: member for base in reversed(kind.__mro__[:-1]) for name, member in vars(base).items()}
    return {
        name
        for name, member in members.items()
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))
    }


@pytest.mark.parametrize(("blocking", "asynchronous", "alone"), FACES)
def test_both_faces_have_the_same_signatures(blocking: type, asynchronous: type, alone: set[str]) -> None:
    """What one face can do the other can too; methods take what their twins take, with the same defaults."""
    names = _public(blocking) & _public(asynchronous)
    assert _public(asynchronous) - _public(blocking) == alone
    assert names
    for name in names:
        mine, twin = getattr(blocking, name), getattr(asynchronous, name)
        assert mine.__doc__, name
        assert isinstance(mine, property) == isinstance(twin, property), name
        if not isinstance(mine, property) and (blocking, name) != (QueueTasks, "add_task"):
            assert _taken(mine) == _taken(twin), name


def _taken(function: Callable[..., Any]) -> list[tuple[str, object, object]]:
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


def test_add_task_of_an_app_takes_the_same_keywords(app: QueueTasks) -> None:
    """The blocking one hands them on: an unknown one is an argument of the task in both."""

    @app.task
    def add(a: int, b: int = 0) -> int:
        return a + b

    assert app.add_task("add", 1, b=2, priority=3).priority == 3
    with pytest.raises(ResultTimeout):
        app.add_task("add", 1, timeout=0.01)
    with pytest.raises(TaskArgumentError, match="'queue'"):
        app.add_task("add", 1, queue="slow")


def test_both_faces_export_the_same() -> None:
    """Each class of `qtasks.asyncio` has its blocking twin in `qtasks.sync`, under a name that says so."""
    names = {name.replace("Async", "Sync") for name in qtasks.asyncio.__all__}
    assert names - {*qtasks.sync.__all__} == set()
