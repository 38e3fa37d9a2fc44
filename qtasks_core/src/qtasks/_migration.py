"""Names of version 1 that are elsewhere now: whoever imports one is told where, by an ImportError.

Nothing here is needed by programs of version 2; `docs/migration.md` has the whole list.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Final

_THIRD: Final = "it is left to packages of others"
_LATER: Final = "this version has none"
_IN_ABOVE: Final = frozenset(
    {"brokers", "configs", "executors", "plugins", "results", "starters", "stats", "storages", "workers"}
)
"""Packages whose classes lay in modules inside; they are imported from the package itself."""

_MODULES: Final[Mapping[str, str]] = {
    "_state": "from qtasks.utils import get_app",
    "asyncio.qtasks": "from qtasks.asyncio import QueueTasks",
    "base": "the app is one class: from qtasks import QueueTasks",
    "brokers.base": "from qtasks.protocols import Broker",
    "configs.base": "from qtasks.protocols import GlobalConfig",
    "configs.config": "from qtasks.configs import QueueConfig",
    "contexts": "from qtasks.asyncio import AsyncContext; from qtasks.sync import SyncContext",
    "contrib.redis": "the components of Redis need no helper",
    "enums": "from qtasks import TaskStatusEnum",
    "events": "a plugin is told of starts, stops and ends: app.add_plugin",
    "executors.base": "from qtasks.executors import TaskExecutor",
    "exc": "from qtasks.errors import TaskCancelError, TaskPluginTriggerError",
    "logs": "loggers are those of the module logging; that of an app is app.log, in a body ctx.get_logger()",
    "middlewares": "from qtasks.executors import TaskMiddleware",
    "mixins": "a plugin is added to the app: app.add_plugin",
    "plugins.depends": f"Depends: {_LATER}",
    "plugins.grpc": f"gRPC: {_THIRD}; a service of yours calls app.add_task",
    "plugins.pydantic": "models are arguments and results without a plugin",
    "plugins.retries": "retrying is an option of the task: @app.task(retry=3)",
    "plugins.states": f"State: {_LATER}",
    "plugins.testing": "from qtasks.testing import in_memory",
    "qtasks": "from qtasks import QueueTasks",
    "registries": "from qtasks import AsyncTask, SyncTask, shared_task",
    "routers": "from qtasks import AsyncRouter, SyncRouter",
    "schemas": "from qtasks import Task; from qtasks.testing import TestConfig",
    "starters.base": "from qtasks.protocols import Starter",
    "storages.base": "from qtasks.protocols import Storage",
    "tests": "from qtasks.testing import AsyncTestCase, SyncTestCase, TestConfig",
    "timers": f"AsyncTimer: {_LATER}",
    "types": "from qtasks import Task, AsyncTask, SyncTask",
    "utils.app": "from qtasks.utils import get_app",
    "utils.registry": "from qtasks.utils import shared_task",
    "utils.tasks": "app.chain(first.bind(1), second.step())",
    "version": "from qtasks import __version__",
    "workers.base": "from qtasks.protocols import Worker",
}

_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "": {"Depends": _LATER, "Router": "from qtasks import AsyncRouter, SyncRouter"},
    "brokers": {"BaseBroker": _MODULES["brokers.base"], "KafkaBroker": _THIRD, "SocketBroker": _THIRD},
    "configs": {"BaseGlobalConfig": _MODULES["configs.base"]},
    "executors": {"BaseTaskExecutor": _MODULES["executors.base"], "TaskExecutor": _MODULES["executors.base"]},
    "plugins": {
        "Depends": _LATER,
        "DependsPlugin": _LATER,
        "PydanticWrapperPlugin": _MODULES["plugins.pydantic"],
        "RetryPlugin": _MODULES["plugins.retries"],
        "State": _LATER,
        "StatePlugin": _LATER,
        "TestPlugin": _MODULES["plugins.testing"],
        "gRPCPlugin": _MODULES["plugins.grpc"],
    },
    "starters": {"BaseStarter": _MODULES["starters.base"]},
    "storages": {"BaseStorage": _MODULES["storages.base"]},
    "utils": {"TaskUtils": _MODULES["utils.tasks"]},
    "workers": {"BaseWorker": _MODULES["workers.base"]},
}
"""Module of today → name, without `Async` or `Sync` in front → where it is now."""


def refuse(module: str, name: str) -> None:
    """Raise ImportError where `name` was in this module of QTasks in version 1."""
    names = _NAMES.get(module.partition(".")[2], {})
    plain = name.removeprefix("Async").removeprefix("Sync")
    if (hint := names.get(name, names.get(plain))) is not None:
        raise ImportError(_text(f"{module}.{name}", hint), name=module)


def getter(module: str) -> Callable[[str], object]:
    """Return the `__getattr__` of a module that knows no more than its names."""

    def find(name: str) -> object:
        refuse(module, name)
        raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name)

    return find


class FormerModules:
    """The last finder of modules that is asked: it knows where those of version 1 are now."""

    @staticmethod
    def find_spec(fullname: str, _path: object = None, _target: object = None) -> None:
        """Raise ImportError for a module of version 1."""
        package, _, module = fullname.partition(".")
        if package == "qtasks" and (hint := _hint_of(module)) is not None:
            raise ImportError(_text(fullname, hint), name=fullname)


def tell_of_modules() -> None:
    """Have imports of modules of version 1 say where these are now; a second time does nothing."""
    if FormerModules not in sys.meta_path:
        sys.meta_path.append(FormerModules)


def _hint_of(module: str) -> str | None:
    package, _, inside = module.partition(".")
    if package in _IN_ABOVE and inside.startswith(("async_", "sync_")):
        return f"from qtasks.{package} import …, without the module inside"
    return _MODULES.get(module)


def _text(name: str, hint: str) -> str:
    return f"{name} is a name of version 1; in its place: {hint}; see docs/migration.md"
