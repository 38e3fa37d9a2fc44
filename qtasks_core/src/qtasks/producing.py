"""The side of an app that sends tasks, asks for them and ends them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, cast, overload
from uuid import UUID

from typing_extensions import TypeVar

from qtasks.chain import Chain
from qtasks.clock import moment_after
from qtasks.config import check_count
from qtasks.errors import UsageError
from qtasks.ids import as_id
from qtasks.lifecycle import tell
from qtasks.manage import DeadLetters, Queues
from qtasks.models import Cancel, Cancelled, Counts, Items, Query, Record, WorkerInfo
from qtasks.names import check_queue_name, check_task_name
from qtasks.options import (
    NO_OPTIONS,
    CallOptions,
    as_statuses,
    check_text,
    check_timeout,
)
from qtasks.plugins.events import AppFlushed, AppPinged, TaskRead
from qtasks.printable import short_repr
from qtasks.producer import Call, result_ttl_of, send
from qtasks.result import Task, TaskView, found
from qtasks.status import FINAL, TaskStatus
from qtasks.task import BoundCall

if TYPE_CHECKING:
    from qtasks.app import QueueTasks
    from qtasks.clock import Clock
    from qtasks.config import QueueConfig
    from qtasks.home import Home
    from qtasks.protocols import Broker, Storage
    from qtasks.registry import Registry
    from qtasks.runtime import Runtime
    from qtasks.serialization import Signature

R = TypeVar("R")

BATCH: Final = 500
"""Messages that one round trip of `add_tasks` carries."""


class Producing:
    """What producers call."""

    clock: Clock
    tasks: Registry
    _home: Home

    @property
    def config(self) -> QueueConfig:
        """The settings."""
        raise NotImplementedError

    @property
    def broker(self) -> Broker:
        """The broker."""
        raise NotImplementedError

    @property
    def storage(self) -> Storage:
        """The storage of the broker."""
        return self.broker.storage

    @property
    def queues(self) -> Queues:
        """The queues: what they hold; pause, resume, purge and peek."""
        return Queues(self)

    @property
    def dead(self) -> DeadLetters:
        """The dead letters: tasks that were given up without an outcome of their own."""
        return DeadLetters(self)

    async def connect(self) -> Runtime:
        """Connect to the backend, at home in the running loop; a second call does nothing.

        Raises:
            UsageError: The app is at home in another loop that is running.
            BackendUnavailable: It cannot be reached now.
        """
        return await self._home.ready()

    # Sending

    @overload
    async def add_task(self, task_name: BoundCall[R], /, *, timeout: float | None = ...) -> Task[R]: ...

    @overload
    async def add_task(
        self,
        task_name: str,
        *args: Any,
        priority: int | None = ...,
        timeout: float | None = ...,
        **kwargs: Any,
    ) -> Task[Any]: ...

    async def add_task(
        self,
        task_name: str | BoundCall[Any],
        *args: Any,
        priority: int | None = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Task[Any]:
        """Send a task by name, or a bound call; with `timeout`, also wait for its end.

        Raises:
            ConfigError: The name of a task is printable text, and this is none.
            TaskArgumentError: The arguments do not fit, where the task is registered here.
            EncodeError: One of them cannot be sent.
            BackendError: It was not accepted.
            ResultTimeout: It was accepted and has not ended within `timeout` seconds.
        """
        if isinstance(task_name, Call):
            if args or kwargs or priority is not None:
                raise UsageError("a bound call has its arguments and options already: .options(…).bind(…)")
            return await self.send_one(task_name, timeout)
        if not isinstance(task_name, str):
            check_task_name(task_name)
        options = NO_OPTIONS if priority is None else CallOptions(priority=priority)
        return await self.send_one(Call(task_name, args, kwargs, options, self.tasks.get(task_name)), timeout)

    async def add_tasks(self, calls: Iterable[Call]) -> list[Task[Any]]:
        """Send bound calls in batches, one round trip each; each batch is accepted whole or not at all.

        Raises:
            UsageError: These are no bound calls.
            BackendError: A batch was not accepted; those before it were.
        """
        if not isinstance(calls, Iterable):
            raise UsageError(f"add_tasks takes several bound calls: [task.bind(1)], not {short_repr(calls)}")
        runtime = await self._home.ready()
        remaining, tasks = iter(calls), list[Task[Any]]()
        while batch := list(islice(remaining, BATCH)):
            _check_calls(batch)
            tasks += await send(_app(self), runtime, batch)
        return tasks

    async def send_one(self, call: Call, timeout: float | None) -> Task[Any]:
        """Send one call; what tasks do in `add_task`."""
        check_timeout(timeout)
        task = (await send(_app(self), await self._home.ready(), (call,)))[0]
        return task if timeout is None else await task.wait(timeout)

    def chain(self, *calls: Call) -> Chain:
        """Return calls that run one after another, each with the value of the last as its last argument.

        Raises:
            UsageError: There are none, or one has an option that only a single call can have.
        """
        return Chain(self, calls)

    # Asking

    async def get(self, uuid: str | UUID) -> Task[Any]:
        """Return a task by its id.

        Raises:
            TaskNotFound: Nobody knows it: never accepted, or its record has expired.
        """
        task_id = as_id(uuid)
        runtime = await self._home.ready()
        task: Task[Any] = Task(self, found(task_id, await self.read(task_id)))
        if (hook := runtime.triggers.qtasks_get) is not None:
            event = await hook(TaskRead(app=_app(self), broker=self.broker, task=task))
            task = event.task
        return task

    async def find(
        self,
        *,
        status: TaskStatus | str | Collection[TaskStatus | str] | None = None,
        queue: str | None = None,
        task: str | None = None,
        limit: int = 100,
        after: Task[Any] | None = None,
    ) -> list[Task[Any]]:
        """Return tasks, the youngest first.

        Args:
            status: One status, or several; None is all.
            queue: Only those of this queue.
            task: Only those of this name.
            limit: At most so many.
            after: Begin behind this one, the last of the page before.

        Raises:
            ConfigError: There is no such status, or a name cannot be one.
        """
        check_count("limit", limit)
        if queue is not None:
            check_queue_name(queue)
        if task is not None:
            check_task_name(task)
        if after is not None and not isinstance(after, TaskView):
            raise UsageError(f"after is a task, the last of the page before, not {short_repr(after)}")
        statuses = None if status is None else as_statuses("status", status)
        await self._home.ready()
        page = None if after is None else (after.record.created_at, after.id)
        query = Query(statuses, queue, task, page, limit)
        return [Task(self, record) for record in await self.storage.find(query)]

    async def ping(self, server: bool = True) -> bool:
        """Whether at least one worker is alive; with `server=False`, whether the backend answers.

        Raises:
            BackendUnavailable: It does not.
        """
        runtime = await self._home.ready()
        config = self.storage.global_config
        await tell(runtime.triggers.qtasks_ping, AppPinged, app=_app(self), global_config=config)
        workers = await config.workers()
        return bool(workers) or not server

    async def workers(self) -> list[WorkerInfo]:
        """Return the workers that are alive."""
        await self._home.ready()
        return list(await self.storage.global_config.workers())

    async def counts(self) -> Counts:
        """Count the records by status."""
        await self._home.ready()
        return await self.storage.counts()

    # Ending and beginning anew

    async def cancel(self, uuid: str | UUID, reason: str = "") -> Cancelled:
        """Cancel a task: one that waits never runs, one that runs is interrupted.

        A coroutine is cancelled, a thread gets an exception at its next line of Python, a process is
        killed. The task may still end otherwise, if it does so before its worker hears of it.

        Returns:
            `ended`: it waited, and is `cancel` now. `asked`: it runs, and its worker is told. `final`: it had
            ended. `unknown`: there is no such task; nothing is remembered for a later one.
        """
        task_id = as_id(uuid)
        check_text("reason", reason)
        runtime = await self._home.ready()
        remove_at = moment_after(self.clock.now(), result_ttl_of(await self.read(task_id), runtime))
        wish = Cancel(task_id, reason or "cancelled by request", remove_at)
        return (await runtime.dispatch.cancel((wish,)))[0]

    async def requeue(self, uuid: str | UUID) -> bool:
        """Run a final task again, with counters at zero and its history kept; False if it is not final."""
        task_id = as_id(uuid)
        runtime = await self._home.ready()
        return (await runtime.dispatch.requeue([task_id]))[0]

    async def flush_all(self) -> None:
        """Remove every task, record and setting of this app, and nothing of another."""
        runtime = await self._home.ready()
        await self.broker.flush()
        if not runtime.dispatch.joined:
            await self.storage.flush()
        await self.storage.global_config.flush()
        await tell(runtime.triggers.qtasks_flush_all, AppFlushed, app=_app(self), broker=self.broker)

    # Where a handle asks for its task

    async def read(self, task_id: str) -> Record | None:
        """Return the record of a task as it is now, or None."""
        await self._home.ready()
        return (await self.storage.get((task_id,)))[0]

    async def wait_for(self, task_id: str, until: AbstractSet[TaskStatus] | None) -> Record | None:
        """Return the record of a task once it is in a status of `until`, or final."""
        statuses = as_statuses("until", self.config.result_statuses_end if until is None else until)
        await self._home.ready()
        return await self.storage.wait(task_id, FINAL | statuses)

    async def listen(self, task_id: str, delivery: int, number: int) -> Items:
        """Return what a task has yielded beyond this item, as soon as there is something."""
        await self._home.ready()
        return await self.storage.listen(task_id, delivery, number)

    def signature_of(self, task_name: str) -> Signature | None:
        """Return the signature of a task that is registered here, or None."""
        definition = self.tasks.get(task_name)
        return None if definition is None else definition.signature

    @property
    def home(self) -> asyncio.AbstractEventLoop | None:
        """The loop that the app is connected in, while that is running."""
        return self._home.loop


def _app(side: Producing) -> QueueTasks:
    """Return the app that this is a side of."""
    return cast("QueueTasks", side)


def _check_calls(calls: Sequence[object]) -> None:
    for call in calls:
        if not isinstance(call, Call):
            raise UsageError(f"add_tasks takes bound calls, such as task.bind(1), not {short_repr(call)}")
