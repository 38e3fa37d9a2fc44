"""The blocking app: typed delegations to the asynchronous one.

Each call runs in the loop where the app is at home, or in the portal's. See `qtasks.asyncio` for what
the calls promise and raise; besides, each raises UsageError inside a running loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self, overload
from uuid import UUID

from typing_extensions import TypeVar

from qtasks import app as engine
from qtasks._portal import call
from qtasks.clock import SYSTEM_CLOCK, Clock
from qtasks.config import QueueConfig
from qtasks.executors import TaskMiddleware
from qtasks.faces import Face, app_of
from qtasks.models import Cancelled, Counts, WorkerInfo
from qtasks.options import check_timeout
from qtasks.producer import Call
from qtasks.router import AsyncRouter
from qtasks.shared import note_face
from qtasks.status import TaskStatus
from qtasks.sync.handles import Task
from qtasks.sync.making import SyncRouter, SyncTaskMaker
from qtasks.sync.manage import SyncChain, SyncDeadLetters, SyncQueues
from qtasks.task import BoundCall

if TYPE_CHECKING:
    from types import TracebackType

    from qtasks.plugins.manager import PluginInfo
    from qtasks.protocols import Broker, Starter, Storage
    from qtasks.registry import Registry
    from qtasks.worker.engine import AsyncWorker

R = TypeVar("R", default=Any)


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
        note_face(self)

    @property
    def name(self) -> str:
        """The name of the app."""
        return self.engine.name

    @property
    def version(self) -> str:
        """The version of QTasks."""
        return self.engine.version

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

    @property
    def starter(self) -> Starter | None:
        """What runs the worker, while the app works."""
        return self.engine.starter

    @property
    def routers(self) -> list[AsyncRouter]:
        """The routers that were included; of a `SyncRouter` it is the engine."""
        return self.engine.routers

    @property
    def task(self) -> SyncTaskMaker:
        """Register a function as a task: `@app.task`, or with options."""
        return SyncTaskMaker(self.engine.task, lambda: self.engine)

    @property
    def queues(self) -> SyncQueues:
        """The queues: what they hold; pause, resume, purge and peek."""
        return SyncQueues(self.engine.queues, self._at_home)

    @property
    def dead(self) -> SyncDeadLetters:
        """The dead letters: tasks that were given up without an outcome of their own."""
        return SyncDeadLetters(self.engine.dead, self._at_home)

    def include_router(self, router: SyncRouter | AsyncRouter) -> None:
        """Take the tasks of a router."""
        self.engine.include_router(app_of(router))

    @property
    def plugins(self) -> list[PluginInfo]:
        """The plugins of the app, in the order in which they were added."""
        return self.engine.plugins

    def add_plugin(
        self, plugin: Any, trigger_names: Sequence[str] | None = None, component: str | None = None
    ) -> None:
        """Add a plugin; before the start."""
        self.engine.add_plugin(plugin, trigger_names, component)

    def add_middleware(self, middleware: type[TaskMiddleware], position: str = "before") -> None:
        """Run this around every task of the app, outside the middlewares of the task."""
        self.engine.add_middleware(middleware, position)

    def autodiscover_tasks(self, packages: Iterable[str], modules: Sequence[str] = ("tasks",)) -> list[str]:
        """Import the modules of these names in each package, so that their tasks are registered."""
        return self.engine.autodiscover_tasks(packages, modules)

    @overload
    def add_task(self, task_name: BoundCall[R], /, *, timeout: float | None = ...) -> Task[R]: ...

    @overload
    def add_task(
        self,
        task_name: str,
        *args: Any,
        priority: int | None = ...,
        timeout: float | None = ...,
        **kwargs: Any,
    ) -> Task[Any]: ...

    def add_task(self, task_name: Any, *args: Any, **kwargs: Any) -> Task[Any]:
        """Send a task by name, or a bound call; with `timeout`, also wait for its end."""
        timeout: float | None = kwargs.pop("timeout", None)
        check_timeout(timeout)
        task: Task[Any] = Task(call(self._at_home, self.engine.add_task, task_name, *args, **kwargs))
        return task if timeout is None else task.wait(timeout)

    def add_tasks(self, calls: Iterable[Call]) -> list[Task[Any]]:
        """Send bound calls in batches, one round trip each."""
        return [Task(twin) for twin in call(self._at_home, self.engine.add_tasks, calls)]

    def chain(self, *calls: Call) -> SyncChain:
        """Return calls that run one after another, each with the value of the one before as last argument."""
        return SyncChain(self.engine.chain(*calls), self._at_home)

    def get(self, uuid: str | UUID) -> Task[Any]:
        """Return a task by its id."""
        return Task(call(self._at_home, self.engine.get, uuid))

    def find(
        self,
        *,
        status: TaskStatus | str | Collection[TaskStatus | str] | None = None,
        queue: str | None = None,
        task: str | None = None,
        limit: int = 100,
        after: Task[Any] | None = None,
    ) -> list[Task[Any]]:
        """Return tasks, the youngest first."""
        twin: Any = after.twin if isinstance(after, Task) else after
        found = call(
            self._at_home, self.engine.find, status=status, queue=queue, task=task, limit=limit, after=twin
        )
        return [Task(one) for one in found]

    def cancel(self, uuid: str | UUID, reason: str = "") -> Cancelled:
        """Cancel a task: one that waits never runs, one that runs is interrupted."""
        return call(self._at_home, self.engine.cancel, uuid, reason)

    def requeue(self, uuid: str | UUID) -> bool:
        """Run a final task again, with counters at zero and its history kept."""
        return call(self._at_home, self.engine.requeue, uuid)

    def ping(self, server: bool = True) -> bool:
        """Whether at least one worker is alive; with `server=False`, whether the backend answers."""
        return call(self._at_home, self.engine.ping, server=server)

    def workers(self) -> list[WorkerInfo]:
        """Return the workers that are alive."""
        return call(self._at_home, self.engine.workers)

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
