"""What `@app.task` makes of a function in an asynchronous app."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Never, overload
from uuid import UUID

from typing_extensions import ParamSpec, TypeVar

from qtasks.attributes import TaskAttributes
from qtasks.errors import UsageError
from qtasks.options import NO_OPTIONS, CallOptions, call_options, refuse_call_options
from qtasks.producer import Call
from qtasks.registry import TaskDefinition, check_endable
from qtasks.result import Task
from qtasks.unique import Unique

if TYPE_CHECKING:
    from qtasks.app import QueueTasks
    from qtasks.context import AsyncContext

P = ParamSpec("P")
C = TypeVar("C")
"""What calling the function returns: for an async function, a coroutine."""
R = TypeVar("R", default=Any)
"""What the task returns in the end."""

X = TypeVar("X")

CALL_KEYWORDS = frozenset({"timeout", "priority", "task_name"})
"""Keywords of `add_task` that are options and never arguments of the task."""


class BoundCall(Call, Generic[R], frozen=True):
    """A call whose result type is known to type checkers."""


class BaseTask(TaskAttributes, Generic[P, C]):
    """What both faces share: the function, its definition, and calls that are not sent yet."""

    def __init__(self, function: Callable[P, C], definition: TaskDefinition) -> None:
        self._function = function
        self.definition = definition
        self.__name__ = definition.name
        self.__doc__ = function.__doc__
        self.__wrapped__ = function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> C:
        """Call the function itself, here and now; with `echo=True` it gets this task, without a context."""
        if self.definition.options.echo:
            return self._function(self, *args, **kwargs)  # type: ignore[arg-type]  # P leaves it out
        return self._function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.task_name}>"


class AsyncTask(BaseTask[P, C], Generic[P, C, R]):
    """A task of an asynchronous app."""

    _ctx: AsyncContext | None = None

    def __init__(
        self, app: Callable[[], QueueTasks], function: Callable[P, C], definition: TaskDefinition
    ) -> None:
        super().__init__(function, definition)
        self._app = app

    @property
    def app(self) -> QueueTasks:
        """The app that it belongs to.

        Raises:
            UsageError: It is in none yet.
        """
        return self._app()

    @property
    def ctx(self) -> AsyncContext:
        """The context of the run, in the body of a task with `echo=True`.

        Raises:
            UsageError: This is no running task.
        """
        return running(self._ctx, self.task_name)

    def run_in(self, ctx: AsyncContext) -> None:
        """Be the task of this run; called by the worker."""
        self._ctx = ctx

    def bind(self, *args: P.args, **kwargs: P.kwargs) -> BoundCall[R]:
        """Return the call, not sent: for `app.add_tasks`."""
        return BoundCall(self.definition.name, args, kwargs, NO_OPTIONS, self.definition)

    def step(self, *args: Any, **kwargs: Any) -> BoundCall[R]:
        """Return the call, not sent, as a later step of `app.chain`: its last argument is yet to come."""
        return BoundCall(self.definition.name, args, kwargs, NO_OPTIONS, self.definition)

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
    ) -> AsyncTaskCaller[P, R]:
        """Return this task with options for one call; wrong arguments are found by type checkers.

        Args:
            id: The id to use, so that the call can be repeated without doubling.
            queue: The queue to send it to.
            priority: 0 … 9, higher is more urgent.
            delay: Seconds until it becomes ready.
            eta: The moment at which it becomes ready, with a time zone.
            expires: Seconds after it became ready in which it must have been started.
            retry: Runs after the first one, where that fails.
            max_time: Seconds that one run may take.
            result_ttl: Seconds that its record stays after the end.
            unique: What makes it one with an earlier call, which is then returned; False is nothing.
            unknown: Nothing else; the error says what is said elsewhere, and where.

        Raises:
            ConfigError: A value that cannot be kept, or what is no option of a call.
        """
        refuse_call_options(unknown)
        check_endable(self.definition, max_time)
        chosen = call_options(
            id,
            queue=queue,
            priority=priority,
            delay=delay,
            eta=eta,
            expires=expires,
            retry=retry,
            max_time=max_time,
            result_ttl=result_ttl,
            unique=unique,
        )
        return AsyncTaskCaller(self._app, self.definition, chosen)

    @overload
    async def add_task(self, *args: P.args, **kwargs: P.kwargs) -> Task[R]: ...

    @overload
    async def add_task(
        self,
        *args: Any,
        task_name: str,
        timeout: float | None = ...,
        priority: int | None = ...,
        **kwargs: Any,
    ) -> Task[Any]: ...

    @overload
    async def add_task(
        self, *args: Any, timeout: float | None = ..., priority: int | None = ..., **kwargs: Any
    ) -> Task[R]: ...

    async def add_task(self, *args: Any, **kwargs: Any) -> Task[Any]:
        """Send the task, or another one by `task_name`; with `timeout`, also wait for its end.

        Raises:
            TaskArgumentError: The arguments do not fit the function.
            EncodeError: One of them cannot be sent.
            BackendError: It was not accepted.
            ResultTimeout: It was accepted and has not ended within `timeout` seconds.
        """
        timeout, priority = kwargs.pop("timeout", None), kwargs.pop("priority", None)
        if (other := kwargs.pop("task_name", None)) is not None:
            return await self._app().add_task(other, *args, priority=priority, timeout=timeout, **kwargs)
        options = NO_OPTIONS if priority is None else CallOptions(priority=priority)
        return await self._app().send_one(
            Call(self.definition.name, args, kwargs, options, self.definition), timeout
        )


class AsyncTaskCaller(Generic[P, R]):
    """A task with options for one call."""

    __slots__ = ("_app", "_definition", "_options")

    def __init__(
        self, app: Callable[[], QueueTasks], definition: TaskDefinition, options: CallOptions
    ) -> None:
        self._app = app
        self._definition = definition
        self._options = options

    async def add_task(self, *args: P.args, **kwargs: P.kwargs) -> Task[R]:
        """Send the task with these options."""
        return await self._app().send_one(self.bind(*args, **kwargs), None)

    def bind(self, *args: P.args, **kwargs: P.kwargs) -> BoundCall[R]:
        """Return the call, not sent."""
        return BoundCall(self._definition.name, args, kwargs, self._options, self._definition)

    def step(self, *args: Any, **kwargs: Any) -> BoundCall[R]:
        """Return the call, not sent, as a later step of `app.chain`: its last argument is yet to come."""
        return BoundCall(self._definition.name, args, kwargs, self._options, self._definition)


def running(ctx: X | None, name: str) -> X:
    """Return the context of a running task.

    Raises:
        UsageError: It is none.
    """
    if ctx is None:
        raise UsageError(f"{name} is not running: only the body of a task with echo=True has a ctx")
    return ctx


def warn_of_hidden_parameters(function: Callable[..., Any], name: str) -> None:
    """Warn where a parameter can only be given through `bind` or `options`."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return
    hidden = sorted(CALL_KEYWORDS & parameters.keys())
    if hidden:
        text = f"task {name!r} has a parameter {hidden[0]!r}, which add_task takes for its own option;"
        warnings.warn(f"{text} send it by .bind(…) or .options().add_task(…)", stacklevel=4)
