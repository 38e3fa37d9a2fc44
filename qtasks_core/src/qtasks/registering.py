"""The side of an app that is told what there is: tasks, routers, plugins, middlewares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

from qtasks.decorate import check_middleware
from qtasks.errors import ConfigError, UsageError
from qtasks.executors import TaskMiddleware
from qtasks.making import TaskMaker
from qtasks.plugins.manager import PluginInfo, PluginManager
from qtasks.registry import Registry
from qtasks.router import AsyncRouter

if TYPE_CHECKING:
    from qtasks.app import QueueTasks
    from qtasks.home import Home


class Registering:
    """What an app is told before it works."""

    tasks: Registry
    routers: list[AsyncRouter]
    middlewares_before: list[type[TaskMiddleware]]
    middlewares_after: list[type[TaskMiddleware]]
    _plugins: PluginManager
    _home: Home

    @property
    def task(self) -> TaskMaker:
        """Register a function as a task: `@app.task`, or with options; see `docs/tasks.md`."""
        return TaskMaker(self.tasks, lambda: cast("QueueTasks", self))

    def include_router(self, router: AsyncRouter) -> None:
        """Take the tasks of a router.

        Raises:
            TaskNameTaken: One of them has a name that the app has already; none is taken then.
        """
        for definition in router.tasks.values():
            self.tasks.check(definition)
        router.bind(cast("QueueTasks", self))
        for definition in router.tasks.values():
            self.tasks.add(definition)
        self.routers.append(router)

    def autodiscover_tasks(self, packages: Iterable[str], modules: Sequence[str] = ("tasks",)) -> list[str]:
        """Import the modules of these names in each package, so that their tasks are registered.

        Args:
            packages: Names of packages, such as the `INSTALLED_APPS` of Django.
            modules: Which modules; a package that has none of them is left out.

        Returns:
            The names of the modules that were imported. What a module raises is raised here.
        """
        names = [f"{package}.{module}" for package in packages for module in modules]
        found = [name for name in names if find_spec(name.rpartition(".")[0]) and find_spec(name)]
        for name in found:
            import_module(name)
        return found

    def add_middleware(self, middleware: type[TaskMiddleware], position: str = "before") -> None:
        """Run this around every task of the app, outside the middlewares of the task.

        Args:
            middleware: A subclass of `TaskMiddleware`.
            position: `before` or `after` the body.

        Raises:
            ConfigError: It is no middleware, or there is no such position.
            UsageError: The app has started.
        """
        check_middleware("add_middleware", middleware)
        if position not in {"before", "after"}:
            raise ConfigError(f"position is 'before' or 'after', not {position!r}")
        if self._home.runtime is not None:
            raise UsageError("middlewares are added before the app starts")
        (self.middlewares_before if position == "before" else self.middlewares_after).append(middleware)

    @property
    def plugins(self) -> list[PluginInfo]:
        """The plugins of the app, in the order in which they were added."""
        return self._plugins.listing()

    def add_plugin(
        self, plugin: Any, trigger_names: Sequence[str] | None = None, component: str | None = None
    ) -> None:
        """Add a plugin; before the start.

        Args:
            plugin: A `Plugin`, any object or module with `@hookimpl` functions, or a `BasePlugin`.
            trigger_names: For a `BasePlugin`: which triggers; None or `["Globals"]` is all of them.
            component: For a `BasePlugin`: whose triggers; None is the app itself.

        Raises:
            UsageError: The app has started.
            PluginNotFound: There is no such trigger.
        """
        self._plugins.add(plugin, trigger_names=trigger_names, component=component)
