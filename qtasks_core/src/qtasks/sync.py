"""The blocking face: a page of typed delegations to the asynchronous app.

Each call runs in the loop where the app is at home, or in the portal's. See `qtasks.asyncio` for what
the calls promise and raise; besides, each raises UsageError inside a running loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Self, overload
from uuid import UUID

from typing_extensions import ParamSpec, TypeVar

from qtasks import app as engine
from qtasks._portal import call
from qtasks.clock import SYSTEM_CLOCK, Clock
from qtasks.config import QueueConfig
from qtasks.faces import Face
from qtasks.models import Counts
from qtasks.options import check_timeout
from qtasks.producer import Call
from qtasks.result import Task as AsyncHandle
from qtasks.result import TaskView
from qtasks.router import AsyncRouter
from qtasks.status import TaskStatus
from qtasks.task import AsyncTask, AsyncTaskCaller, BaseTask, BoundCall

if TYPE_CHECKING:
    from types import TracebackType

    from qtasks.protocols import Broker, Starter, Storage
    from qtasks.registry import Registry
    from qtasks.worker.engine import AsyncWorker

P = ParamSpec("P")
C = TypeVar("C")
R = TypeVar("R", default=Any)


class Task(TaskView[R], Generic[R]):
    """A task in the hands of a blocking caller."""

    __slots__ = ("_twin",)

    def __init__(self, twin: AsyncHandle[R]) -> None:
        super().__init__(twin.source, twin.record)
        self._twin = twin

    def refresh(self) -> Task[R]:
        """Return the task as it is now."""
        return Task(call(self._at_home, self._twin.refresh))

    def wait(self, timeout: float | None = None, *, until: AbstractSet[TaskStatus] | None = None) -> Task[R]:
        """Return the finished task."""
        return Task(call(self._at_home, self._twin.wait, timeout, until=until))

    def result(self, timeout: float | None = None) -> R:
        """Return what the body returned, once it has."""
        return self.wait(timeout).value()

    def _at_home(self) -> asyncio.AbstractEventLoop | None:
        return self._twin.home


class SyncTask(BaseTask[P, C], Generic[P, C, R]):
    """A task of a blocking app."""

    def __init__(self, twin: AsyncTask[P, C, R], app: Callable[[], engine.QueueTasks]) -> None:
        super().__init__(twin.__wrapped__, twin.definition)
        self._twin = twin
        self._app = app

    def bind(self, *args: P.args, **kwargs: P.kwargs) -> BoundCall[R]:
        """Return the call, not sent: for `app.add_tasks`."""
        return self._twin.bind(*args, **kwargs)

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
        )
        return SyncTaskCaller(twin, self._app)

    @overload
    def add_task(self, *args: P.args, **kwargs: P.kwargs) -> Task[R]: ...

    @overload
    def add_task(
        self, *args: Any, timeout: float | None = ..., priority: int | None = ..., **kwargs: Any
    ) -> Task[R]: ...

    def add_task(self, *args: Any, **kwargs: Any) -> Task[R]:
        """Send the task; with `timeout`, also wait for its end."""
        timeout: float | None = kwargs.pop("timeout", None)
        check_timeout(timeout)
        task: Task[R] = Task(call(lambda: self._app().home, self._twin.add_task, *args, **kwargs))
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


class SyncTaskDecorator:
    """What `@app.task(…)` with options returns."""

    def __init__(self, twin: Callable[..., Any], app: Callable[[], engine.QueueTasks]) -> None:
        self._twin = twin
        self._app = app

    @overload
    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> SyncTask[P, Coroutine[Any, Any, R], R]: ...

    @overload
    def __call__(self, function: Callable[P, R], /) -> SyncTask[P, R, R]: ...

    def __call__(self, function: Callable[..., Any], /) -> SyncTask[..., Any, Any]:
        """Register the function."""
        return SyncTask(self._twin(function), self._app)


class SyncRouter:
    """Collects the tasks of a blocking app in a module of their own."""

    def __init__(self) -> None:
        self.engine = AsyncRouter()
        self.tasks = self.engine.tasks

    @overload
    def task(
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> SyncTask[P, Coroutine[Any, Any, R], R]: ...

    @overload
    def task(self, function: Callable[P, R], /) -> SyncTask[P, R, R]: ...

    @overload
    def task(self, name: str | None = None, /, **options: Any) -> SyncTaskDecorator: ...

    def task(self, function: Any = None, /, **options: Any) -> Any:
        """Register a function as a task, bare or with options."""
        return _decorated(self.engine.task(function, **options), self.engine.app)


class QueueTasks:
    """A set of tasks, and the backend that keeps them, in blocking calls.

    The arguments are those of `qtasks.asyncio.QueueTasks`, whose instance is at `engine`.
    """

    def __init__(
        self,
        name: str = "QueueTasks",
        broker_url: str | None = None,
        broker: Broker | Face[Any] | None = None,
        worker: AsyncWorker | Face[Any] | None = None,
        log: logging.Logger | None = None,
        config: QueueConfig | None = None,
        *,
        plugins: bool | Sequence[str] = True,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.engine = engine.QueueTasks(
            name, broker_url, broker, worker, log, config, plugins=plugins, clock=clock
        )

    @property
    def name(self) -> str:
        """The name of the app."""
        return self.engine.name

    @property
    def log(self) -> logging.Logger:
        """The logger of the app."""
        return self.engine.log

    @property
    def config(self) -> QueueConfig:
        """The settings of the app."""
        return self.engine.config

    @config.setter
    def config(self, value: QueueConfig) -> None:
        """Take other settings; before the start."""
        self.engine.config = value

    @property
    def tasks(self) -> Registry:
        """The registered tasks by name."""
        return self.engine.tasks

    @property
    def broker(self) -> Broker:
        """The broker."""
        return self.engine.broker

    @property
    def storage(self) -> Storage:
        """The storage of the broker."""
        return self.engine.storage

    @property
    def worker(self) -> AsyncWorker:
        """The worker."""
        return self.engine.worker

    @overload
    def task(
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> SyncTask[P, Coroutine[Any, Any, R], R]: ...

    @overload
    def task(self, function: Callable[P, R], /) -> SyncTask[P, R, R]: ...

    @overload
    def task(self, name: str | None = None, /, **options: Any) -> SyncTaskDecorator: ...

    def task(self, function: Any = None, /, **options: Any) -> Any:
        """Register a function as a task: `@app.task`, or with options."""
        return _decorated(self.engine.task(function, **options), lambda: self.engine)

    def include_router(self, router: SyncRouter | AsyncRouter) -> None:
        """Take the tasks of a router."""
        self.engine.include_router(router if isinstance(router, AsyncRouter) else router.engine)

    def add_plugin(
        self, plugin: Any, trigger_names: Sequence[str] | None = None, component: str | None = None
    ) -> None:
        """Add a plugin; before the start."""
        self.engine.add_plugin(plugin, trigger_names, component)

    @overload
    def add_task(self, task_name: BoundCall[R], /, *, timeout: float | None = ...) -> Task[R]: ...

    @overload
    def add_task(
        self,
        task_name: str,
        /,
        *args: Any,
        priority: int | None = ...,
        timeout: float | None = ...,
        **kwargs: Any,
    ) -> Task[Any]: ...

    def add_task(self, task_name: Any, /, *args: Any, **kwargs: Any) -> Task[Any]:
        """Send a task by name, or a bound call; with `timeout`, also wait for its end."""
        timeout: float | None = kwargs.pop("timeout", None)
        check_timeout(timeout)
        task: Task[Any] = Task(call(self._at_home, self.engine.add_task, task_name, *args, **kwargs))
        return task if timeout is None else task.wait(timeout)

    def add_tasks(self, calls: Iterable[Call]) -> list[Task[Any]]:
        """Send bound calls in batches, one round trip each."""
        return [Task(twin) for twin in call(self._at_home, self.engine.add_tasks, calls)]

    def get(self, uuid: str | UUID) -> Task[Any]:
        """Return a task by its id."""
        return Task(call(self._at_home, self.engine.get, uuid))

    def requeue(self, uuid: str | UUID) -> bool:
        """Run a final task again, with counters at zero and its history kept."""
        return call(self._at_home, self.engine.requeue, uuid)

    def ping(self, *, server: bool = True) -> bool:
        """Whether at least one worker is alive; with `server=False`, whether the backend answers."""
        return call(self._at_home, self.engine.ping, server=server)

    def counts(self) -> Counts:
        """Count the records by status."""
        return call(self._at_home, self.engine.counts)

    def flush_all(self) -> None:
        """Remove every task, record and setting of this app, and nothing of another."""
        call(self._at_home, self.engine.flush_all)

    def stop(self) -> None:
        """Stop the worker gracefully if the app works, and disconnect if it does not."""
        call(self._at_home, self.engine.stop)

    def connect(self) -> None:
        """Connect to the backend now rather than at the first call."""
        call(self._at_home, self.engine.connect)

    def disconnect(self) -> None:
        """Let go of every connection, thread and file."""
        call(self._at_home, self.engine.disconnect)

    def run_forever(self, starter: Starter | Face[Any] | None = None, **unknown: Any) -> None:
        """Work until told to stop, in the calling thread."""
        self.engine.run_forever(starter, **unknown)

    def _at_home(self) -> asyncio.AbstractEventLoop | None:
        return self.engine.home

    def __enter__(self) -> Self:
        call(self._at_home, self.engine.__aenter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        call(self._at_home, self.engine.__aexit__, None, None, None)


def _decorated(
    twin: Any, app: Callable[[], engine.QueueTasks]
) -> SyncTask[..., Any, Any] | SyncTaskDecorator:
    return SyncTask(twin, app) if isinstance(twin, AsyncTask) else SyncTaskDecorator(twin, app)
