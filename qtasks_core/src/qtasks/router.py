"""Tasks that are collected in a module of their own and included into an app."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol, overload

from typing_extensions import ParamSpec, TypeVar

from qtasks.decorate import define
from qtasks.errors import UsageError
from qtasks.registry import Registry
from qtasks.task import AsyncTask

if TYPE_CHECKING:
    from qtasks.app import QueueTasks

P = ParamSpec("P")
R = TypeVar("R")


class TaskDecorator(Protocol):
    """What `@app.task(…)` with options returns."""

    @overload
    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> AsyncTask[P, Coroutine[Any, Any, R], R]: ...

    @overload
    def __call__(self, function: Callable[P, R], /) -> AsyncTask[P, R, R]: ...


class AsyncRouter:
    """Collects tasks before there is an app; `app.include_router(router)` gives them to it.

    Its tasks can be sent once it is included.
    """

    def __init__(self) -> None:
        self.tasks = Registry()
        self._app: QueueTasks | None = None

    @overload
    def task(
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> AsyncTask[P, Coroutine[Any, Any, R], R]: ...

    @overload
    def task(self, function: Callable[P, R], /) -> AsyncTask[P, R, R]: ...

    @overload
    def task(self, name: str | None = None, /, **options: Any) -> TaskDecorator: ...

    def task(self, function: Any = None, /, **options: Any) -> Any:
        """Register a function as a task, bare or with options; see `QueueTasks.task`."""
        return decorate(function, options, self.tasks, self.app)

    def app(self) -> QueueTasks:
        """Return the app that includes this router.

        Raises:
            UsageError: None does yet.
        """
        if self._app is None:
            raise UsageError("this router is in no app yet: call app.include_router(router) first")
        return self._app

    def bind(self, app: QueueTasks) -> None:
        """Remember the app; called by `include_router`."""
        if self._app is not None and self._app is not app:
            raise UsageError("this router is in another app already")
        self._app = app


def decorate(
    function: Any, options: dict[str, Any], tasks: Registry, app: Callable[[], QueueTasks]
) -> AsyncTask[..., Any, Any] | Callable[[Callable[..., Any]], AsyncTask[..., Any, Any]]:
    """Serve `@task`, `@task()`, `@task("name")` and `@task(name="name", …)` alike."""
    name = options.pop("name", None)
    if isinstance(function, str):
        name, function = function, None

    def register(target: Callable[..., Any]) -> AsyncTask[..., Any, Any]:
        definition = define(target, name, dict(options))
        tasks.add(definition)
        return AsyncTask(app, target, definition)

    return register if function is None else register(function)
