"""`@app.task` and `@router.task`: the one decorator, in all its forms, typed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, Concatenate, Literal, Protocol, overload

from typing_extensions import ParamSpec, TypeVar

from qtasks.decorate import define
from qtasks.errors import ConfigError
from qtasks.printable import short_repr
from qtasks.registry import Registry
from qtasks.task import AsyncTask, warn_of_hidden_parameters

if TYPE_CHECKING:
    from qtasks.app import QueueTasks

P = ParamSpec("P")
R = TypeVar("R")
Y = TypeVar("Y")


class TaskDecorator(Protocol):
    """What `@app.task(…)` with options returns."""

    @overload
    def __call__(
        self, function: Callable[P, AsyncIterator[Y]], /
    ) -> AsyncTask[P, AsyncIterator[Y], list[Y]]: ...

    @overload
    def __call__(self, function: Callable[P, Iterator[Y]], /) -> AsyncTask[P, Iterator[Y], list[Y]]: ...

    @overload
    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> AsyncTask[P, Coroutine[Any, Any, R], R]: ...

    @overload
    def __call__(self, function: Callable[P, R], /) -> AsyncTask[P, R, R]: ...


class EchoDecorator(Protocol):
    """The same with `echo=True`: the first parameter is the task itself, and callers do not give it."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[Any, P], AsyncIterator[Y]], /
    ) -> AsyncTask[P, AsyncIterator[Y], list[Y]]: ...

    @overload
    def __call__(
        self, function: Callable[Concatenate[Any, P], Iterator[Y]], /
    ) -> AsyncTask[P, Iterator[Y], list[Y]]: ...

    @overload
    def __call__(
        self, function: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]], /
    ) -> AsyncTask[P, Coroutine[Any, Any, R], R]: ...

    @overload
    def __call__(self, function: Callable[Concatenate[Any, P], R], /) -> AsyncTask[P, R, R]: ...


class TaskMaker:
    """Registers functions as tasks: `@app.task`, `@app.task("name")`, `@app.task(name="name", …)`.

    The options are those of `docs/tasks.md`. Any other keyword is kept in `extra` for plugins.

    Args:
        tasks: Where they are registered.
        app: Gives the app, once there is one.
    """

    def __init__(self, tasks: Registry, app: Callable[[], QueueTasks]) -> None:
        self._tasks = tasks
        self._app = app

    @overload
    def __call__(
        self, function: Callable[P, AsyncIterator[Y]], /
    ) -> AsyncTask[P, AsyncIterator[Y], list[Y]]: ...

    @overload
    def __call__(self, function: Callable[P, Iterator[Y]], /) -> AsyncTask[P, Iterator[Y], list[Y]]: ...

    @overload
    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> AsyncTask[P, Coroutine[Any, Any, R], R]: ...

    @overload
    def __call__(self, function: Callable[P, R], /) -> AsyncTask[P, R, R]: ...

    @overload
    def __call__(
        self, name: str | None = None, /, *, echo: Literal[True], **options: Any
    ) -> EchoDecorator: ...

    @overload
    def __call__(
        self, name: str | None = None, /, *, echo: Literal[False] = ..., **options: Any
    ) -> TaskDecorator: ...

    def __call__(self, function: Any = None, /, **options: Any) -> Any:
        """Register a function as a task, bare or with options.

        Raises:
            TaskNameTaken: Another function has the name.
            ConfigError: An option has a wrong value, or a keyword is nearly an option.
            TaskError: It cannot be a task.
        """
        name = options.pop("name", None)
        if isinstance(function, str):
            if name is not None:
                raise ConfigError(
                    f"the task has two names: {short_repr(function)} and name={short_repr(name)}"
                )
            name, function = function, None

        def register(target: Callable[..., Any]) -> AsyncTask[..., Any, Any]:
            definition = define(target, name, options)
            self._tasks.add(definition)
            warn_of_hidden_parameters(target, definition.name)
            return AsyncTask(self._app, target, definition)

        return register if function is None else register(function)
