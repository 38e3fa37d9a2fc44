"""The side of an app that is told what there is: tasks, routers, plugins, middlewares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

from qtasks.decorate import check_middleware
from qtasks.errors import ConfigError, UsageError
from qtasks.executors import TaskMiddleware
from qtasks.faces import app_of
from qtasks.making import TaskMaker
from qtasks.plugins.manager import PluginInfo, PluginManager
from qtasks.printable import short_repr
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
            ConfigError: It is no router.
            TaskNameTaken: One of them has a name that the app has already; none is taken then.
        """
        router = app_of(router)
        if not isinstance(router, AsyncRouter):
            raise ConfigError(
                f"include_router takes an AsyncRouter or a SyncRouter, not {short_repr(router)}"
            )
        for definition in router.tasks.values():
            self.tasks.check(definition)
        router.bind(cast("QueueTasks", self))
        for definition in router.tasks.values():
            self.tasks.add(definition)
        if router not in self.routers:
            self.routers.append(router)

    def autodiscover_tasks(self, packages: Iterable[str], modules: Sequence[str] = ("tasks",)) -> list[str]:
        """Import the modules of these names in each package, so that their tasks are registered.

        Args:
            packages: Names of packages, such as the `INSTALLED_APPS` of Django.
            modules: Which modules; a package that has none of them is left out.

        Returns:
            The names of the modules that were imported. What a module raises is raised here.

        Raises:
            ConfigError: One of the two is no list of names, or there is no such package.
        """
        packages, modules = _names("packages", packages), _names("modules", modules)
        names = [f"{package}.{module}" for package in packages for module in modules if _is_package(package)]
        found = [name for name in names if find_spec(name)]
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
        if position not in ("before", "after"):
            raise ConfigError(f"position is 'before' or 'after', not {short_repr(position)}")
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


def _names(what: str, value: object) -> list[str]:
    """Return names of packages or modules.

    Raises:
        ConfigError: They are none; text alone would be taken letter by letter.
    """
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        names = list(value)
        if all(isinstance(name, str) and all(name.split(".")) for name in names):
            return names
    raise ConfigError(f"{what} is a list of names, such as ['shop'], not {short_repr(value)}")


def _is_package(name: str) -> bool:
    """Whether modules can be in it.

    Raises:
        ConfigError: There is nothing of this name.
    """
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:  # what should be the package around it is none, or is not there
        spec = None
    if spec is None:
        raise ConfigError(
            f"there is no package {name!r} to look for tasks in; is it installed, and on the path?"
        )
    return spec.submodule_search_locations is not None
