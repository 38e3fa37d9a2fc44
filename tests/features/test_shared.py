"""Tasks of libraries, routers and packages: how they come into an app."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from core.conftest import Working

import qtasks
from qtasks import SyncRouter
from qtasks.asyncio import AsyncResult, AsyncRouter, QueueTasks, shared_task
from qtasks.errors import TaskNameTaken, TaskNotFound, UsageError
from qtasks.shared import SHARED, _apps
from qtasks.utils import get_app


@pytest.fixture(autouse=True)
def _forgotten() -> object:
    """Forget after each test what it has shared."""
    before = dict(SHARED._tasks)
    yield
    SHARED._tasks = before
    _apps.clear()


async def test_shared_tasks_are_in_every_app(app: QueueTasks, working: Working) -> None:
    """In those made before and after; sent by the one that was made last."""

    @shared_task
    async def audit(event: str) -> str:
        return event

    @shared_task(name="audit.plain", priority=3)
    def plain(event: str) -> str:
        return event

    later = QueueTasks("later", "memory://", plugins=False)

    assert {"audit", "audit.plain"} <= app.tasks.keys() & later.tasks.keys()
    async with working(later):
        assert await (await audit.add_task("x")).result(30) == "x"
        assert (await (await plain.add_task("y")).wait(30)).priority == 3
    await later.disconnect()


def test_a_shared_name_that_an_app_has_is_refused() -> None:
    """And is registered nowhere then."""
    app = QueueTasks("x", "memory://")

    @app.task(name="taken")
    async def own() -> None: ...

    with pytest.raises(TaskNameTaken):

        @shared_task(name="taken")
        async def shared() -> None: ...

    assert "taken" not in SHARED


def test_the_blocking_one_blocks() -> None:
    """`qtasks.shared_task` gives a task whose calls block, whatever app was made last."""
    app = qtasks.QueueTasks("x", "memory://", plugins=False)

    @qtasks.shared_task
    def add(a: int) -> int:
        return a + 1

    task = add.add_task(1)
    assert (task.status, app.get(task.id).args) == ("new", [1])
    assert get_app() is app
    app.disconnect()


async def test_a_result_is_had_by_its_id(app: QueueTasks, working: Working) -> None:
    """`AsyncResult` finds the app that was made last, or takes the one that is given."""

    @app.task
    async def double(a: int) -> int:
        return 2 * a

    async with working(app):
        task = await double.add_task(4)
        assert (await AsyncResult(task.id).result(timeout=30)).returning == 8
        assert (await AsyncResult(task.uuid, app=app).result(timeout=30)).returning == 8
        with pytest.raises(TaskNotFound):
            await AsyncResult("0b5c3f9e-63b5-4c1f-8d2e-0a4b6f1d9c77").result()


def test_a_router_whose_name_is_taken_brings_nothing() -> None:
    """All of its tasks, or none."""
    app, router = QueueTasks("x", "memory://"), AsyncRouter()

    @app.task(name="b")
    async def own() -> None: ...

    @router.task
    async def a() -> None: ...

    @router.task(name="b")
    async def other() -> None: ...

    with pytest.raises(TaskNameTaken, match="'b'"):
        app.include_router(router)

    assert (sorted(app.tasks), app.routers) == (["b"], [])
    with pytest.raises(UsageError, match="include_router"):
        router.app()


def test_a_blocking_router_is_bare_too() -> None:
    """`@router.task` without parentheses registers."""
    router = SyncRouter()

    @router.task
    def a() -> None: ...

    assert list(router.tasks) == ["a"]


def test_packages_are_looked_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module `tasks` of each is imported; one that has none is left out, an error in one is shown."""
    for name, text in {
        "shop": "import shared_app\n@shared_app.app.task\ndef buy(): ...\n",
        "bare": None,
        "bad": "1/0",
    }.items():
        package = tmp_path / f"disc_{name}"
        package.mkdir()
        (package / "__init__.py").write_text("")
        if text is not None:
            (package / "tasks.py").write_text(text)
    (tmp_path / "shared_app.py").write_text(
        "from qtasks import QueueTasks\napp = QueueTasks('d', 'memory://')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    app = QueueTasks("x", "memory://")

    assert app.autodiscover_tasks(["disc_shop", "disc_bare"]) == ["disc_shop.tasks"]
    assert list(sys.modules["shared_app"].app.tasks) == ["buy"]
    with pytest.raises(ZeroDivisionError):
        app.autodiscover_tasks(["disc_bad"])
