"""What is known of a task from its registration: the attributes of both faces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from qtasks.options import Ack, Executor, TaskOptions
from qtasks.unique import Unique

if TYPE_CHECKING:
    from qtasks.executors import TaskExecutor, TaskMiddleware
    from qtasks.registry import TaskDefinition


class TaskAttributes:
    """A task whose definition is at `definition`; its options are attributes of the same names."""

    definition: TaskDefinition

    @property
    def _options(self) -> TaskOptions:
        return self.definition.options

    @property
    def task_name(self) -> str:
        """The name that it is registered under."""
        return self.definition.name

    @property
    def queue(self) -> str:
        """The queue of its calls."""
        return self._options.queue

    @property
    def priority(self) -> int | None:
        """The priority of its calls; None is the default of the app."""
        return self._options.priority

    @property
    def max_time(self) -> float | None:
        """Seconds that one run may take."""
        return self._options.max_time

    @property
    def max_memory(self) -> int | None:
        """Bytes of data that its process may have."""
        return self._options.max_memory

    @property
    def retry(self) -> int:
        """Runs after the first one, where that fails."""
        return self._options.retry.retries

    @property
    def retry_on_exc(self) -> tuple[type[BaseException], ...]:
        """Exceptions that are tried again, with their subclasses."""
        return self._options.retry.on

    @property
    def expires(self) -> float | None:
        """Seconds after it became ready in which it must have been started."""
        return self._options.expires

    @property
    def result_ttl(self) -> float | None:
        """Seconds that its record stays after the end; None is the setting of the app."""
        return self._options.result_ttl

    @property
    def echo(self) -> bool:
        """Whether its first parameter is the task itself, with the context of the run."""
        return self._options.echo

    @property
    def executor(self) -> Executor | type[TaskExecutor]:
        """Where its body runs, also where nobody has said it."""
        return self.definition.executor

    @property
    def ack(self) -> Ack:
        """When it counts as done, as far as a lost worker is concerned."""
        return self._options.ack

    @property
    def unique(self) -> Unique | None:
        """What makes two of its calls one."""
        return self._options.unique

    @property
    def rate_limit(self) -> float | str | None:
        """How many starts there may be, as it was written."""
        return None if self._options.limited is None else self._options.limited.rate

    @property
    def concurrency(self) -> int | None:
        """How many of it may run at a time, over all workers."""
        return None if self._options.limited is None else self._options.limited.concurrency

    @property
    def limit_by(self) -> str | Callable[..., Any] | None:
        """What has these limits of its own."""
        return None if self._options.limited is None else self._options.limited.by

    @property
    def decode(self) -> Callable[[Any], Any] | None:
        """What makes of a result what is stored; None is the setting of the app."""
        return self._options.decode

    @property
    def generate_handler(self) -> Callable[[Any], Any] | None:
        """What is called with each value that the body yields."""
        return self._options.generate_handler

    @property
    def middlewares_before(self) -> tuple[type[TaskMiddleware], ...]:
        """What is run before its body, besides what the app adds."""
        return self._options.middlewares_before

    @property
    def middlewares_after(self) -> tuple[type[TaskMiddleware], ...]:
        """What is run after its body, besides what the app adds."""
        return self._options.middlewares_after

    @property
    def tags(self) -> tuple[str, ...]:
        """Words to find it by."""
        return self._options.tags

    @property
    def description(self) -> str:
        """What it is for, in words."""
        return self._options.description

    @property
    def extra(self) -> Mapping[str, Any]:
        """The keywords of the decorator that QTasks does not know: plugins do."""
        return self._options.extra
