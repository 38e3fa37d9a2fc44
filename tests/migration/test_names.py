"""What programs of version 1 import: it is there, or the error says where it is now."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys

import pytest

from qtasks import _migration

KEPT = [
    "qtasks: QueueTasks AsyncRouter SyncRouter shared_task __version__",
    "qtasks.asyncio: QueueTasks",
    "qtasks.brokers: AsyncSQLiteBroker SyncSQLiteBroker",
    "qtasks.configs: QueueConfig",
    "qtasks.contrib.django: autodiscover_tasks",
    "qtasks.executors: TaskExecutor TaskMiddleware",
    "qtasks.plugins: BasePlugin",
    "qtasks.plugins.base: BasePlugin",
    "qtasks.results: AsyncResult SyncResult",
    "qtasks.starters: AsyncStarter SyncStarter",
    "qtasks.stats: AsyncStats SyncStats",
    "qtasks.storages: AsyncSQLiteStorage SyncSQLiteStorage",
    "qtasks.utils: get_app shared_task",
    "qtasks.workers: AsyncWorker SyncThreadWorker",
]

FORMER = {
    "from qtasks import Depends": "this version has none",
    "from qtasks import Router": "from qtasks import AsyncRouter, SyncRouter",
    "from qtasks._state import app_main": "from qtasks.utils import get_app",
    "from qtasks.asyncio.qtasks import QueueTasks": "from qtasks.asyncio import QueueTasks",
    "from qtasks.brokers import AsyncKafkaBroker": "packages of others",
    "from qtasks.brokers import SyncSocketBroker": "packages of others",
    "from qtasks.brokers.async_redis import AsyncRedisBroker": "from qtasks.brokers import …",
    "from qtasks.brokers.base import BaseBroker": "from qtasks.protocols import Broker",
    "from qtasks.configs.config import QueueConfig": "from qtasks.configs import QueueConfig",
    "from qtasks.contexts import AsyncContext": "from qtasks.asyncio import AsyncContext",
    "from qtasks.contrib.redis import AsyncRedisCommandQueue": "need no helper",
    "from qtasks.enums.task_status import TaskStatusEnum": "from qtasks import TaskStatusEnum",
    "from qtasks.events import AsyncEvents": "app.add_plugin",
    "from qtasks.executors import AsyncTaskExecutor": "from qtasks.executors import TaskExecutor",
    "from qtasks.executors.base import BaseTaskExecutor": "from qtasks.executors import TaskExecutor",
    "from qtasks.exc.task import TaskCancelError": "from qtasks.errors import TaskCancelError",
    "from qtasks.logs import Logger": "app.log",
    "from qtasks.middlewares.task import TaskMiddleware": "from qtasks.executors import TaskMiddleware",
    "from qtasks.plugins import AsyncDependsPlugin": "this version has none",
    "from qtasks.plugins import AsyncgRPCPlugin": "packages of others",
    "from qtasks.plugins import AsyncState": "this version has none",
    "from qtasks.plugins import SyncPydanticWrapperPlugin": "without a plugin",
    "from qtasks.plugins import SyncRetryPlugin": "@app.task(retry=3)",
    "from qtasks.plugins.depends import Depends": "this version has none",
    "from qtasks.qtasks import QueueTasks": "from qtasks import QueueTasks",
    "from qtasks.registries import AsyncTask": "from qtasks import AsyncTask",
    "from qtasks.registries.task_registry import TaskRegistry": "shared_task",
    "from qtasks.results.async_result import AsyncResult": "from qtasks.results import …",
    "from qtasks.routers import AsyncRouter": "from qtasks import AsyncRouter",
    "from qtasks.schemas.task import Task": "from qtasks import Task",
    "from qtasks.schemas.test import TestConfig": "from qtasks.testing import TestConfig",
    "from qtasks.stats.async_stats import AsyncStats": "from qtasks.stats import …",
    "from qtasks.configs import BaseGlobalConfig": "from qtasks.protocols import GlobalConfig",
    "from qtasks.starters import SyncStarter, BaseStarter": "from qtasks.protocols import Starter",
    "from qtasks.workers.base import BaseWorker": "from qtasks.protocols import Worker",
    "from qtasks.plugins import AsyncTestPlugin": "from qtasks.testing import in_memory",
    "from qtasks.storages import BaseStorage": "from qtasks.protocols import Storage",
    "from qtasks.tests import AsyncTestCase": "from qtasks.testing import AsyncTestCase",
    "from qtasks.timers import AsyncTimer": "this version has none",
    "from qtasks.utils.tasks import AsyncTaskUtils": "app.chain(",
    "from qtasks.version import __version__": "from qtasks import __version__",
    "from qtasks.workers.async_worker import AsyncWorker": "from qtasks.workers import …",
}


@pytest.mark.parametrize("names", KEPT)
def test_a_name_that_was_kept_is_there(names: str) -> None:
    """In the module where version 1 had it."""
    module, _, words = names.partition(": ")
    for name in words.split():
        assert getattr(importlib.import_module(module), name, None) is not None


@pytest.mark.parametrize("statement", FORMER)
def test_a_name_that_has_moved_says_where_it_is(statement: str) -> None:
    """By an ImportError that names the page, and what is in its place."""
    with pytest.raises(ImportError, match=re.escape(FORMER[statement])) as caught:
        exec(statement, {})
    assert "is a name of version 1" in str(caught.value)
    assert "docs/migration.md" in str(caught.value)


HINTS = [hint for hints in (_migration._MODULES, *_migration._NAMES.values()) for hint in hints.values()]
IMPORTS = sorted(set(re.findall(r"from qtasks[\w.]* import [\w, ]+", "\n".join(HINTS))))


@pytest.mark.parametrize("statement", IMPORTS)
def test_what_a_hint_imports_is_there(statement: str) -> None:
    """Each `from … import …` of a hint works."""
    exec(statement, {})


@pytest.mark.parametrize("statement", ["import qtasks.nothing", "from qtasks import nothing"])
def test_any_other_name_is_the_usual_error(statement: str) -> None:
    """Nobody is told of version 1 who has only misspelt a name."""
    with pytest.raises(ImportError) as caught:
        exec(statement, {})
    assert "version 1" not in str(caught.value)


def test_other_packages_do_not_hear_of_it() -> None:
    """A module `tests` or `timers` of anybody else is looked for as ever."""
    code = (
        "import qtasks, importlib.util, sys\n"
        "assert importlib.util.find_spec('timers') is None\n"
        "import importlib; importlib.reload(qtasks)\n"
        "import qtasks._migration as migration\n"
        "assert sys.meta_path.index(migration.FormerModules) == len(sys.meta_path) - 1, sys.meta_path\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
