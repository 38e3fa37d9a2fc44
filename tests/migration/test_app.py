"""The app object of version 1: arguments, attributes and methods, in both faces."""

from __future__ import annotations

import asyncio
import inspect
import logging
from pathlib import Path
from typing import Any

import pytest
from core.conftest import Working
from migration.conftest import BlockingWork

import qtasks
from qtasks import AsyncRouter, SyncRouter
from qtasks import QueueTasks as BlockingTasks
from qtasks.asyncio import QueueTasks
from qtasks.errors import PluginNotFound, TaskNameTaken, TaskNotFound, UsageError
from qtasks.executors import TaskExecutor, TaskMiddleware
from qtasks.plugins import BasePlugin
from qtasks.status import TaskStatus
from qtasks.utils import get_app

NOBODY = "0b5c3f9e-63b5-4c1f-8d2e-0a4b6f1d9c77"
FACES = [QueueTasks, BlockingTasks]


@pytest.mark.parametrize("face", FACES)
def test_the_arguments_of_an_app_come_in_the_order_of_version_1(face: type) -> None:
    """All but `events`, which plugins have replaced."""
    names = list(inspect.signature(face).parameters)
    assert names[:6] == ["name", "broker_url", "broker", "worker", "log", "config"]


@pytest.mark.parametrize("face", FACES)
def test_the_attributes_of_an_app_have_their_names(face: type[Any]) -> None:
    """`name`, `version`, `config`, `log`, `broker`, `worker`, `starter`, `routers`, `tasks`, `plugins`."""
    log = logging.getLogger("own")
    app = face(broker_url="memory://", log=log, plugins=False)

    assert (app.name, app.version, app.log) == ("QueueTasks", qtasks.__version__, log)
    assert app.config.max_tasks_process == 10
    assert type(app.broker).__name__ == "AsyncMemoryBroker"
    assert type(app.worker).__name__ == "AsyncWorker"
    assert (app.starter, app.routers, dict(app.tasks), app.plugins) == (None, [], {}, [])


async def test_a_task_is_sent_by_its_name(app: QueueTasks, working: Working) -> None:
    """By position or as `task_name=`, with `priority` and `timeout`, as a coroutine."""

    @app.task(name="test")
    async def test(number: int) -> int:
        return number

    waiting = await app.add_task("test", 1, priority=3)
    assert (waiting.status, waiting.priority, waiting.args) == (TaskStatus.NEW, 3, [1])
    async with working(app):
        assert (await app.add_task("test", 2, timeout=30)).returning == 2
        assert (await app.add_task(task_name="test", number=3, timeout=30)).returning == 3
        assert (await test.add_task(4, timeout=30)).returning == 4


def test_a_task_is_sent_by_its_name_and_blocks(blocking: BlockingTasks, at_work: BlockingWork) -> None:
    """The same in the blocking face."""

    @blocking.task(name="test")
    def test(number: int) -> int:
        return number

    with at_work(blocking) as app:
        assert app.add_task("test", 1).status == "new"
        assert app.add_task("test", 2, priority=3, timeout=30).returning == 2
        assert app.add_task(task_name="test", number=3, timeout=30).returning == 3
        assert test.add_task(4, timeout=30).returning == 4


async def test_get_takes_a_uuid_or_its_text(app: QueueTasks) -> None:
    """An unknown id is an error; in version 1 it was None."""
    task = await app.add_task("test")

    for uuid in (task.uuid, str(task.uuid)):
        assert (await app.get(uuid=uuid)).task_name == "test"
    with pytest.raises(TaskNotFound):
        await app.get(NOBODY)


def test_get_blocks(blocking: BlockingTasks) -> None:
    """The same in the blocking face."""
    task = blocking.add_task("test")
    assert blocking.get(uuid=str(task.uuid)).status == "new"
    with pytest.raises(TaskNotFound):
        blocking.get(NOBODY)


async def test_ping_is_true_while_a_worker_lives(app: QueueTasks, working: Working) -> None:
    """With `server=False` it asks only the backend."""
    assert (await app.ping(server=True), await app.ping(server=False)) == (False, True)
    async with working(app):
        assert await app.ping()
    assert not await app.ping()


def test_ping_blocks(blocking: BlockingTasks, at_work: BlockingWork) -> None:
    """The same in the blocking face."""
    with at_work(blocking):
        assert blocking.ping(server=True)
    assert not blocking.ping()


@pytest.mark.parametrize("other", ["A:b", "A", "AA"])
async def test_flush_all_removes_what_is_of_this_app(other: str, tmp_path: Path) -> None:
    """Version 1 also removed the keys of every app whose name begins with this one and a colon."""
    url = f"sqlite:///{tmp_path / 'tasks.db'}"
    name = "A" if other != "A" else "A:b"
    async with QueueTasks(name, url, plugins=False) as app, QueueTasks(other, url, plugins=False) as near:
        await app.add_task("x")
        await near.add_task("y")

        await app.flush_all()

        assert ((await app.counts()).total, (await near.counts()).total) == (0, 1)


def test_flush_all_blocks(blocking: BlockingTasks) -> None:
    """The same in the blocking face."""
    with blocking:
        blocking.add_task("x")
        blocking.flush_all()
        assert blocking.counts().total == 0


def test_include_router_takes_the_tasks_of_a_router() -> None:
    """A name that is taken is an error; version 1 replaced the task silently."""
    for app, router in ((BlockingTasks, SyncRouter()), (QueueTasks, AsyncRouter())):
        made: Any = app("x", "memory://", plugins=False)
        router.task(name="in_router")(lambda: None)
        made.include_router(router)
        assert (list(made.tasks), list(router.tasks), len(made.routers)) == (["in_router"],) * 2 + (1,)
        other: Any = type(router)()
        other.task(name="in_router")(lambda: 2)
        with pytest.raises(TaskNameTaken):
            made.include_router(other)


def test_a_bare_task_of_a_router_is_registered() -> None:
    """In version 1 `@router.task` without parentheses did nothing."""
    router = SyncRouter()

    @router.task
    def bare() -> None: ...

    assert list(router.tasks) == ["bare"]


class Told(BasePlugin):
    """Remembers the triggers that it hears of."""

    def __init__(self) -> None:
        super().__init__("told")
        self.heard: list[str] = []

    async def start(self, *args: Any, **kwargs: Any) -> Any:
        """Say nothing, as on the page of version 1."""
        return super().start(*args, **kwargs)

    async def trigger(self, name: str, **kwargs: Any) -> Any:  # noqa: ARG002 - the form of version 1
        """Remember it."""
        self.heard.append(name)


async def test_add_plugin_takes_trigger_names_and_a_component(app: QueueTasks, working: Working) -> None:
    """None is the app and all of its triggers; a component that does not exist is named."""
    own, of_worker = Told(), Told()
    of_worker.name = "of_worker"
    app.add_plugin(own)
    app.add_plugin(of_worker, trigger_names=["worker_start"], component="worker")
    for trigger, component, text in (
        (None, "nowhere", "there are None, 'worker', 'broker'"),
        (["broker_add_before"], "broker", "there is no trigger 'broker_add_before'"),
        (["worker_start"], None, r"add_plugin\(…, component='worker'\)"),
    ):
        with pytest.raises(PluginNotFound, match=text):
            app.add_plugin(Told(), trigger, component)

    async with working(app):
        await app.add_task("test")

    assert own.heard[:2] == ["qtasks_add_task_before_broker", "qtasks_add_task_after_broker"]
    assert of_worker.heard == ["worker_start"]


class Noted(TaskMiddleware):
    """Notes the value, or that there is none yet."""

    seen: list[Any] = []  # noqa: RUF012

    async def __call__(self) -> TaskExecutor | None:
        """Note it."""
        self.seen.append(self.task_executor.result)
        return self.task_executor


async def test_add_middleware_works(app: QueueTasks, working: Working) -> None:
    """In version 1 it always raised TypeError."""
    Noted.seen.clear()
    app.add_middleware(Noted, position="before")
    app.add_middleware(Noted, position="after")

    @app.task
    async def seven() -> int:
        return 7

    async with working(app):
        await seven.add_task(timeout=30)
        await seven.add_task(timeout=30)

    assert Noted.seen == [None, 7] * 2, "they do not multiply from run to run"


@pytest.mark.parametrize("face", FACES)
def test_run_forever_refuses_what_it_no_longer_takes(face: type[Any]) -> None:
    """And says what is in its place."""
    app, loop = face("x", "memory://", plugins=False), asyncio.new_event_loop()
    try:
        for arguments, instead in (
            ({"num_workers": 4}, "max_tasks_process"),
            ({"reset_config": True}, "always reach every component"),
            ({"loop": loop}, "await app.run"),
            ({"starter": loop}, "await app.run"),  # where the loop came first
        ):
            with pytest.raises(UsageError, match=instead):
                app.run_forever(**arguments)
    finally:
        loop.close()


async def test_run_forever_inside_a_loop_names_the_right_call(app: QueueTasks) -> None:
    """A RuntimeError, as in version 1."""
    with pytest.raises(RuntimeError, match=r"await app\.run\(\)"):
        app.run_forever()


@pytest.mark.parametrize("face", FACES)
def test_get_app_returns_the_app_that_was_made_last(face: type[Any]) -> None:
    """In the face that was made."""
    first, last = face("first", "memory://"), face("last", "memory://")
    assert get_app() is last
    assert first is not last


async def test_settings_of_an_app_reach_its_parts(app: QueueTasks, working: Working) -> None:
    """The worker announces the slots that `app.config` says, whatever the order."""
    app.config.max_tasks_process = 37
    async with working(app):
        assert [worker.slots for worker in await app.workers()] == [37]
