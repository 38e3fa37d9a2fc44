"""What a task with `echo=True` can ask and tell while it runs: `self.ctx`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol
from uuid import UUID

from qtasks.config import is_number
from qtasks.errors import TaskCancelError, TaskPluginTriggerError, UsageError
from qtasks.printable import short_repr

if TYPE_CHECKING:
    from qtasks.app import QueueTasks
    from qtasks.config import QueueConfig
    from qtasks.models import Delivery
    from qtasks.registry import TaskDefinition
    from qtasks.result import Task

COMPONENTS = ("app", "broker", "config", "global_config", "log", "plugins", "starter", "storage", "worker")
"""What `ctx.get_component` knows."""


_PLAIN_ON_LOOP: Final[ContextVar[str | None]] = ContextVar("qtasks_plain_on_loop", default=None)


@contextmanager
def plain_on_loop(task_name: str) -> Iterator[None]:
    """Mark that the plain body of this task runs on the loop of the worker: a blocking call is refused."""
    token = _PLAIN_ON_LOOP.set(task_name)
    try:
        yield
    finally:
        _PLAIN_ON_LOOP.reset(token)


def advice_for_plain_on_loop() -> str | None:
    """Return what to do about a blocking call in a plain body on the loop; None in any other code."""
    name = _PLAIN_ON_LOOP.get()
    if name is None:
        return None
    return (
        f"the plain function of task {name!r} runs on the loop of the worker (executor='loop'): give it"
        " executor='thread', where it may block, or write it with `async def` and await"
    )


class Host(Protocol):
    """Whoever runs the body: this process, or the one that it was sent from. Any thread may call it."""

    def progress(self, share: float | None, note: str | None) -> None:
        """Keep what the body says of its progress."""
        ...

    def is_shutting_down(self) -> bool:
        """Whether the worker was told to stop."""
        ...


class TaskContext:
    """One run of a task, as its body sees it; the same in async bodies, threads and processes."""

    def __init__(self, app: QueueTasks, definition: TaskDefinition, delivery: Delivery, host: Host) -> None:
        self._app = app
        self._definition = definition
        self._delivery = delivery
        self._host = host

    @property
    def task_name(self) -> str:
        """The name that the task is registered under."""
        return self._definition.name

    @property
    def task_uuid(self) -> UUID:
        """The id of the task."""
        return UUID(self._delivery.id)

    @property
    def generate_handler(self) -> Callable[[Any], Any] | None:
        """What is called with each value that the body yields."""
        return self._definition.options.generate_handler

    @property
    def attempt(self) -> int:
        """The number of this run: 1 is the first."""
        return self._delivery.token.attempt

    @property
    def queue(self) -> str:
        """The queue that the task came from."""
        return self._delivery.queue

    @property
    def priority(self) -> int:
        """0 … 9, higher is more urgent."""
        return self._delivery.priority

    @property
    def shutting_down(self) -> bool:
        """Whether the worker was told to stop: a long body ends itself at the next good place."""
        return self._host.is_shutting_down()

    def progress(self, share: float, note: str | None = None) -> None:
        """Let others see how far the task is: `task.progress` and `task.note`.

        Args:
            share: 0 … 1.
            note: A few words.

        Raises:
            UsageError: The share is no number from 0 to 1.
        """
        if not is_number(share) or not 0 <= share <= 1:
            raise UsageError(f"progress is a number from 0 to 1, not {short_repr(share)}")
        self._host.progress(float(share), None if note is None else writable(note))

    def cancel(self, reason: str = "") -> NoReturn:
        """End this task as `cancel`, here and now.

        Raises:
            TaskCancelError: Always; it must leave the body.
        """
        raise TaskCancelError(writable(reason))

    def plugin_error(self, **values: Any) -> NoReturn:
        """Ask plugins what the task returns: the hook `task_executor_run_task_trigger_error`.

        Raises:
            TaskPluginTriggerError: Always; where no plugin answers, the task ends with it.
        """
        raise TaskPluginTriggerError(**values)

    def get_logger(self, name: str | None = None) -> logging.Logger:
        """Return the logger of the app, or a child of it."""
        return self._app.log.getChild(self.task_name if name is None else name)

    def get_config(self) -> QueueConfig:
        """Return the settings of the app."""
        return self._app.config

    def get_component(self, name: str) -> Any:
        """Return a part of the app.

        Raises:
            UsageError: There is none of this name; the text has the names.
        """
        if name not in COMPONENTS:
            raise UsageError(f"there is no component {name!r}; there are {', '.join(COMPONENTS)}")
        if name == "app":
            return self._app
        return self._app.storage.global_config if name == "global_config" else getattr(self._app, name)


class AsyncContext(TaskContext):
    """The context of an async body."""

    _own: Task[Any] | None = None

    async def get_task(self, uuid: str | UUID) -> Task[Any]:
        """Return another task by its id.

        Raises:
            TaskNotFound: Nobody knows it.
        """
        return await self._app.get(uuid)

    async def get_metadata(self, cache: bool = True) -> Task[Any]:
        """Return this task as the storage has it; with `cache`, as it was at the first question."""
        if self._own is None or not cache:
            self._own = await self._app.get(self._delivery.id)
        return self._own

    async def sleep(self, seconds: float) -> None:
        """Wait without holding up other tasks."""
        await asyncio.sleep(seconds)


def writable(text: object) -> str:
    """Return words that every backend can keep: a lone surrogate, as in names of files, is escaped."""
    return str(text).encode("utf-8", "backslashreplace").decode()
