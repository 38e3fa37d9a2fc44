"""The command, the stats and the helpers for tests of version 1."""

from __future__ import annotations

import json
import sys
import unittest
from pathlib import Path

import pytest
from cli.command import Folder, wait_for
from cli.inside import qtasks

from qtasks import QueueTasks as BlockingTasks
from qtasks.asyncio import QueueTasks
from qtasks.errors import ConfigError, TaskNotFound, UsageError
from qtasks.stats import AsyncStats, SyncStats
from qtasks.status import TaskStatus
from qtasks.testing import AsyncTestCase, SyncTestCase, TestConfig


async def test_stats_describe_the_app_and_its_tasks(app: QueueTasks) -> None:
    """`inspect()` → `app`, `task(name)`, `tasks(*names)`, each with `json=True`."""

    @app.task(name="test", tags=["a"], description="A test.")
    async def test(number: int) -> int:
        return number

    inspect = await AsyncStats(app=app).inspect()
    assert "QueueTasks" in inspect.app()
    assert "A test." in inspect.task("test")
    assert json.loads(inspect.app(json=True))["tasks"] == ["test"]
    assert json.loads(inspect.task("test", json=True))["tags"] == ["a"]
    assert inspect.tasks() == inspect.tasks("test")
    with pytest.raises(TaskNotFound):
        inspect.task("nothing")
    with pytest.raises(UsageError, match=r"app\.add_plugin"):
        AsyncStats(app, plugins={})  # type: ignore[arg-type]


def test_stats_block(blocking: BlockingTasks) -> None:
    """The same in the blocking face."""
    assert json.loads(SyncStats(app=blocking, plugins=None).inspect().app(json=True))["name"] == "QueueTasks"
    with pytest.raises(UsageError, match=r"app\.add_plugin"):
        SyncStats(blocking, plugins={})  # type: ignore[arg-type]


def test_the_command_works_and_a_factory_is_called(tmp_path: Path) -> None:
    """`qtasks -A module:function run` is ended by SIGTERM, which killed version 1."""
    folder = Folder(tmp_path)
    folder.write(
        "shop.py", "from qtasks import QueueTasks\ndef make():\n    return QueueTasks('shop', 'memory://')\n"
    )
    with folder.running("-A", "shop:make", "run") as process:
        wait_for(process, "app shop works on")
        process.terminate()
        wait_for(process, "stopped")
        assert process.wait(30) == 0


def test_the_command_describes_an_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`stats inspect`, with `--json` in place of `json=true`, and `-A` in place of `--stats-app`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    Folder(tmp_path).app("described")
    try:
        for arguments in (["app"], ["task", "add"], ["tasks"]):
            shown = qtasks("-A", "described:app", "stats", "inspect", *arguments, "--json")
            assert (shown.code, json.loads(shown.out) is not None) == (0, True)
            assert qtasks("--app", "described:app", "stats", "inspect", *arguments).code == 0
        for arguments in (
            ["-A", "described:app", "stats", "inspect", "tasks", "json=true"],
            ["stats", "--stats-app", "described:app", "inspect", "app"],
            ["-app", "described:app", "ping"],
            ["-A", "described:app", "web"],
        ):
            refused = qtasks(*arguments)
            assert (refused.code, bool(refused.err)) == (2, True)
    finally:
        sys.modules.pop("described", None)


class Shop:
    """An app with a task that works and one that fails."""

    def __init__(self) -> None:
        self.app = QueueTasks("shop", "sqlite:////nowhere/at/all.db", plugins=False)
        self.app.task(name="test")(lambda number: number)
        self.app.task(name="error_task")(lambda: 1 / 0)


class OfVersionOne(unittest.IsolatedAsyncioTestCase):
    """A test as users of version 1 wrote it."""

    def setUp(self) -> None:
        """Make the case before each test."""
        self.case = AsyncTestCase(app=Shop().app)
        self.case.settings(TestConfig.full())

    async def asyncTearDown(self) -> None:
        """End it."""
        await self.case.stop()

    async def test_a_task_returns(self) -> None:
        """It runs; in version 1 it needed a server and a worker process."""
        task = await self.case.add_task("test", 5, timeout=30)
        self.assertEqual(task.returning, 5)  # noqa: PT009 - it is a unittest
        self.assertEqual((await self.case.get(uuid=task.uuid)).status, "success")  # noqa: PT009

    async def test_a_task_fails(self) -> None:
        """Its status tells."""
        task = await self.case.add_task("error_task", timeout=30)
        self.assertEqual(task.status, TaskStatus.ERROR.value)  # noqa: PT009

    async def test_the_worker_is_started(self) -> None:
        """By `start`, or in the background."""
        self.case.start_in_background()
        task = await self.case.add_task("test", 6, timeout=30)
        self.assertEqual(task.returning, 6)  # noqa: PT009


def test_each_test_config_of_version_1_is_there() -> None:
    """In the blocking face: what takes part, and `awaiting`."""
    app = BlockingTasks("shop", "memory://", plugins=False)
    app.task(name="test")(lambda number: number)
    with SyncTestCase(app=app, name="shop") as case:
        for config, value in (
            (TestConfig.full(), 1),
            (TestConfig.only_worker(), 1),
            (TestConfig.only_broker(), None),
            (TestConfig.full_broker(), None),
        ):
            case.settings(config, awaiting=value is not None)
            assert case.add_task("test", 1).returning == value
        case.settings(TestConfig(worker=True, broker=True, storage=True, global_config=True, plugins=False))
        case.start()
        assert case.add_task("test", 2, timeout=30).returning == 2
    with pytest.raises(ConfigError, match="name='other'"):
        SyncTestCase(app=app, name="other")
