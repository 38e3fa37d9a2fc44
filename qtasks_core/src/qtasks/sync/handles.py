"""Tasks in the hands of blocking callers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Never, overload
from uuid import UUID

from typing_extensions import ParamSpec, TypeVar

from qtasks._portal import call
from qtasks.models import Cancelled
from qtasks.options import check_timeout
from qtasks.result import Task as AsyncHandle
from qtasks.result import TaskView
from qtasks.status import TaskStatus
from qtasks.task import AsyncTask, AsyncTaskCaller, BaseTask, BoundCall, running
from qtasks.unique import Unique

if TYPE_CHECKING:
    from qtasks import app as engine
    from qtasks.sync.context import SyncContext

P = ParamSpec("P")
C = TypeVar("C")
R = TypeVar("R", default=Any)
I = TypeVar("I")  # noqa: E741 - an item


class Task(TaskView[R], Generic[R]):
    """A task in the hands of a blocking caller."""

    __slots__ = ("_twin",)

    def __init__(self, twin: AsyncHandle[R]) -> None:
        super().__init__(twin.source, twin.record)
        self._twin = twin

    @property
    def twin(self) -> AsyncHandle[R]:
        """The same task in the hands of an asynchronous caller."""
        return self._twin

    def refresh(self) -> Task[R]:
        """Return the task as it is now."""
        return Task(call(self._at_home, self._twin.refresh))

    def wait(self, timeout: float | None = None, *, until: AbstractSet[TaskStatus] | None = None) -> Task[R]:
        """Return the finished task."""
        return Task(call(self._at_home, self._twin.wait, timeout, until=until))

    def result(self, timeout: float | None = None) -> R:
        """Return what the body returned, once it has."""
        return self.wait(timeout).value()

    def cancel(self, reason: str = "") -> Cancelled:
        """Cancel the task; see `app.cancel`."""
        return call(self._at_home, self._twin.cancel, reason)

    @overload
    def stream(self: Task[list[I]]) -> Iterator[I]: ...

    @overload
    def stream(self) -> Iterator[Any]: ...

    def stream(self) -> Iterator[Any]:
        """Give each value that a generator task yields as it comes, from the first one on."""
        stream = self._twin.stream()
        end = object()
        while (item := call(self._at_home, _next, stream, end)) is not end:
            yield item

    def _at_home(self) -> asyncio.AbstractEventLoop | None:
        return self._twin.home


async def _next(stream: AsyncIterator[Any], end: object) -> Any:
    return await anext(stream, end)


class SyncTask(BaseTask[P, C], Generic[P, C, R]):
    """A task of a blocking app."""

    _ctx: SyncContext | None = None

    def __init__(self, twin: AsyncTask[P, C, R], app: Callable[[], engine.QueueTasks]) -> None:
        super().__init__(twin.__wrapped__, twin.definition)
        self._twin = twin
        self._app = app

    @property
    def app(self) -> engine.QueueTasks:
        """The asynchronous app that it belongs to."""
        return self._app()

    @property
    def ctx(self) -> SyncContext:
        """The context of the run, in the body of a task with `echo=True`."""
        return running(self._ctx, self.task_name)

    def run_in(self, ctx: SyncContext) -> None:
        """Be the task of this run; called by the worker."""
        self._ctx = ctx

    def bind(self, *args: P.args, **kwargs: P.kwargs) -> BoundCall[R]:
        """Return the call, not sent: for `app.add_tasks`."""
        return self._twin.bind(*args, **kwargs)

    def step(self, *args: Any, **kwargs: Any) -> BoundCall[R]:
        """Return the call, not sent, as a later step of `app.chain`: its last argument is yet to come."""
        return self._twin.step(*args, **kwargs)

    def options(
        self,
        *,
        id: str | UUID | None = None,  # noqa: A002 - the name that callers read
        queue: str | None = None,
        priority: int | None = None,
        delay: float | None = None,
        eta: datetime | None = None,
        expires: float | None = None,
        retry: int | None = None,
        max_time: float | None = None,
        result_ttl: float | None = None,
        unique: Unique | bool | str | None = None,
        **unknown: Never,
    ) -> SyncTaskCaller[P, R]:
        """Return this task with options for one call."""
        twin = self._twin.options(
            id=id,
            queue=queue,
            priority=priority,
            delay=delay,
            eta=eta,
            expires=expires,
            retry=retry,
            max_time=max_time,
            result_ttl=result_ttl,
            unique=unique,
            **unknown,
        )
        return SyncTaskCaller(twin, self._app)

    @overload
    def add_task(self, *args: P.args, **kwargs: P.kwargs) -> Task[R]: ...

    @overload
    def add_task(
        self,
        *args: Any,
        task_name: str,
        timeout: float | None = ...,
        priority: int | None = ...,
        **kwargs: Any,
    ) -> Task[Any]: ...

    @overload
    def add_task(
        self, *args: Any, timeout: float | None = ..., priority: int | None = ..., **kwargs: Any
    ) -> Task[R]: ...

    def add_task(self, *args: Any, **kwargs: Any) -> Task[Any]:
        """Send the task, or another one by `task_name`; with `timeout`, also wait for its end."""
        timeout: float | None = kwargs.pop("timeout", None)
        check_timeout(timeout)
        task: Task[Any] = Task(call(lambda: self._app().home, self._twin.add_task, *args, **kwargs))
        return task if timeout is None else task.wait(timeout)


class SyncTaskCaller(Generic[P, R]):
    """A task with options for one call."""

    __slots__ = ("_app", "_twin")

    def __init__(self, twin: AsyncTaskCaller[P, R], app: Callable[[], engine.QueueTasks]) -> None:
        self._twin = twin
        self._app = app

    def add_task(self, *args: P.args, **kwargs: P.kwargs) -> Task[R]:
        """Send the task with these options."""
        return Task(call(lambda: self._app().home, self._twin.add_task, *args, **kwargs))

    def bind(self, *args: P.args, **kwargs: P.kwargs) -> BoundCall[R]:
        """Return the call, not sent."""
        return self._twin.bind(*args, **kwargs)

    def step(self, *args: Any, **kwargs: Any) -> BoundCall[R]:
        """Return the call, not sent, as a later step of `app.chain`: its last argument is yet to come."""
        return self._twin.step(*args, **kwargs)
