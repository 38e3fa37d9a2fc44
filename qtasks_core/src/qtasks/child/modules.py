"""Where the task of a message is: the module, the task in it, and the app that it belongs to."""

from __future__ import annotations

import importlib
import sys
from functools import reduce
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import TYPE_CHECKING, Any

from qtasks.errors import TaskError, UsageError
from qtasks.guards import importing
from qtasks.isolation import SCRIPT_NAME, MainModule
from qtasks.options import TaskOptions
from qtasks.registry import Registry, TaskDefinition
from qtasks.task import BaseTask
from qtasks.worker._wire import ProcessWork

if TYPE_CHECKING:
    from qtasks.app import QueueTasks


class Modules:
    """The modules of the user that bodies need, imported once."""

    def __init__(self) -> None:
        self.main = MainModule()
        """What the worker was started with."""
        self._main: ModuleType | None = None

    def find(self, work: ProcessWork) -> tuple[QueueTasks | None, TaskDefinition]:
        """Return a task and its app; None where the app cannot be told.

        The app keeps its tasks where that of the worker does.

        Raises:
            TaskError: The module has no such name.
        """
        app, task = self._found(work)
        if app is not None and work.url not in {None, app.url}:
            app.use_url(work.url)
        return app, task

    def _found(self, work: ProcessWork) -> tuple[Any, TaskDefinition]:
        if work.home is not None:
            self._module(work.home)  # in the order of the worker: modules may import each other
        module = self._module(work.module)
        try:
            found: Any = reduce(getattr, work.qualname.split("."), module)
        except AttributeError as exc:
            raise TaskError(f"the process of task {work.task!r} finds no {work.qualname}: {exc}") from exc
        for owner in (*_wrapped(found), *vars(module).values()):
            task = _definition(owner, work.task)
            if task is not None:
                return _app_of(owner), task
        return None, TaskDefinition.of(found, work.task, TaskOptions(extra={}))

    def _module(self, name: str) -> ModuleType:
        with importing(name):
            if name not in {"__main__", SCRIPT_NAME}:
                return importlib.import_module(name)
            if self._main is None:
                self._main = _imported(self.main)
            return self._main


def _wrapped(found: Any) -> list[Any]:
    """Return what was found, and what is within the decorators around it."""
    chain = [found]
    while (inner := getattr(chain[-1], "__wrapped__", None)) is not None and inner not in chain:
        chain.append(inner)
    return chain


def _definition(owner: Any, name: str) -> TaskDefinition | None:
    """Return the definition of this name that a task, an app or a router holds."""
    # By its type: a lazy proxy in a module may answer isinstance() with an error.
    if issubclass(type(owner), BaseTask):
        return owner.definition if owner.definition.name == name else None
    try:
        tasks = vars(owner).get("tasks")
    except Exception:  # noqa: BLE001 - it has no attributes of its own
        return None
    return tasks.get(name) if isinstance(tasks, Registry) else None


def _app_of(owner: Any) -> Any:
    """Return the engine of the app that a task or an app belongs to; None where it is not known."""
    try:
        app = owner.app if issubclass(type(owner), BaseTask) else owner
    except UsageError:
        return None  # a router that no imported app includes
    engine = getattr(app, "engine", app)
    return engine if hasattr(engine, "use_url") else None


def _imported(main: MainModule) -> ModuleType:
    """Import what the worker was started with, under a name by which it does not start again."""
    if main.name is not None:
        return importlib.import_module(main.name)
    if main.file is None:
        raise TaskError("the task is in a main module that cannot be imported: write it into a module")
    module = ModuleType(SCRIPT_NAME)
    module.__file__ = main.file
    before = sys.modules["__main__"]
    sys.modules["__main__"] = sys.modules[SCRIPT_NAME] = module
    try:
        SourceFileLoader(SCRIPT_NAME, main.file).exec_module(module)
    except BaseException:
        sys.modules["__main__"] = before
        del sys.modules[SCRIPT_NAME]
        raise
    return module
