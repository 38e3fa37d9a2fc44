"""`@app.task` and `@router.task` of a blocking app: those of the engine, with handles that block."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, Concatenate, Literal, Protocol, overload

from typing_extensions import ParamSpec, TypeVar

from qtasks.making import TaskMaker
from qtasks.router import AsyncRouter
from qtasks.sync.handles import SyncTask
from qtasks.task import AsyncTask

if TYPE_CHECKING:
    from qtasks import app as engine

P = ParamSpec("P")
R = TypeVar("R")
Y = TypeVar("Y")


class SyncTaskDecorator(Protocol):
    """What `@app.task(…)` with options returns."""

    @overload
    def __call__(
        self, function: Callable[P, AsyncIterator[Y]], /
    ) -> SyncTask[P, AsyncIterator[Y], list[Y]]: ...

    @overload
    def __call__(self, function: Callable[P, Iterator[Y]], /) -> SyncTask[P, Iterator[Y], list[Y]]: ...

    @overload
    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> SyncTask[P, Coroutine[Any, Any, R], R]: ...

    @overload
    def __call__(self, function: Callable[P, R], /) -> SyncTask[P, R, R]: ...


class SyncEchoDecorator(Protocol):
    """The same with `echo=True`: the first parameter is the task itself, and callers do not give it."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[Any, P], AsyncIterator[Y]], /
    ) -> SyncTask[P, AsyncIterator[Y], list[Y]]: ...

    @overload
    def __call__(
        self, function: Callable[Concatenate[Any, P], Iterator[Y]], /
    ) -> SyncTask[P, Iterator[Y], list[Y]]: ...

    @overload
    def __call__(
        self, function: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]], /
    ) -> SyncTask[P, Coroutine[Any, Any, R], R]: ...

    @overload
    def __call__(self, function: Callable[Concatenate[Any, P], R], /) -> SyncTask[P, R, R]: ...


class SyncTaskMaker:
    """Registers functions as tasks of a blocking app; see `qtasks.making.TaskMaker`."""

    def __init__(self, twin: TaskMaker, app: Callable[[], engine.QueueTasks]) -> None:
        self._twin = twin
        self._app = app

    @overload
    def __call__(
        self, function: Callable[P, AsyncIterator[Y]], /
    ) -> SyncTask[P, AsyncIterator[Y], list[Y]]: ...

    @overload
    def __call__(self, function: Callable[P, Iterator[Y]], /) -> SyncTask[P, Iterator[Y], list[Y]]: ...

    @overload
    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> SyncTask[P, Coroutine[Any, Any, R], R]: ...

    @overload
    def __call__(self, function: Callable[P, R], /) -> SyncTask[P, R, R]: ...

    @overload
    def __call__(
        self, name: str | None = None, /, *, echo: Literal[True], **options: Any
    ) -> SyncEchoDecorator: ...

    @overload
    def __call__(
        self, name: str | None = None, /, *, echo: Literal[False] = ..., **options: Any
    ) -> SyncTaskDecorator: ...

    def __call__(self, function: Any = None, /, **options: Any) -> Any:
        """Register a function as a task, bare or with options."""
        made: Any = self._twin(function, **options)
        if isinstance(made, AsyncTask):
            return SyncTask(made, self._app)
        return lambda target: SyncTask(made(target), self._app)


class SyncRouter:
    """Collects the tasks of a blocking app in a module of their own."""

    def __init__(self) -> None:
        self.engine = AsyncRouter()
        self.tasks = self.engine.tasks

    @property
    def task(self) -> SyncTaskMaker:
        """Register a function as a task, bare or with options."""
        return SyncTaskMaker(self.engine.task, self.engine.app)
