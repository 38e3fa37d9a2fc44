"""From work to the value of its body, and to the words for how it ended."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from qtasks.child.modules import Modules
from qtasks.echo import running_task
from qtasks.errors import TaskCancelError, TaskError, TaskPluginTriggerError
from qtasks.isolation import limited_memory
from qtasks.registry import TaskDefinition
from qtasks.serialization import decode_envelope, describe, encode_value
from qtasks.worker._wire import Answer, Item, ProcessEnd, ProcessWork, Progress
from qtasks.worker.generators import adrain, drain
from qtasks.worker.hiding import Secrets, texts_in
from qtasks.worker.outcomes import reason_of

if TYPE_CHECKING:
    from qtasks.app import QueueTasks

Ended = tuple[Any, BaseException | None]


class RunHost:
    """What the context of one run asks of the worker."""

    def __init__(self, bodies: Bodies, say: Callable[[Answer], None]) -> None:
        self._bodies = bodies
        self._say = say
        self.has_ended = False
        """Whether nobody listens any more: a body may leave threads behind."""

    def progress(self, share: float | None, note: str | None) -> None:
        """Tell the worker what the body says of its progress."""
        if not self.has_ended:
            self._say(Progress(share, note))

    def is_shutting_down(self) -> bool:
        """Whether the worker was told to stop."""
        return self._bodies.is_stopping


class Bodies:
    """Runs bodies in this process, one at a time, and says how they ended.

    Args:
        say: Tells the worker. Any thread may call it.
    """

    def __init__(self, say: Callable[[Answer], None]) -> None:
        self.modules = Modules()
        self.runner = asyncio.Runner()
        """Whose loop async bodies run in; it is made for the first of them."""
        self.has_loop = False
        """Whether a body has used the loop."""
        self.is_stopping = False
        """Whether the worker was told to stop."""
        self._say = say
        self._is_damaged = False
        """Whether a body was left where it was: its loop has ended under it."""

    def end_of(self, work: ProcessWork) -> ProcessEnd:
        """Run the body; whatever it raises is in the answer."""
        task: TaskDefinition | None = None
        secrets: Secrets | None = None
        host = RunHost(self, self._say)
        try:
            app, task = self.modules.find(work)
            envelope = decode_envelope(work.body)
            secrets = Secrets.of(envelope, task.signature)
            args, kwargs = task.signature.decode(envelope)
            if secrets is not None:
                secrets.tell_arguments(args, kwargs)
            call = partial(task.function, *_subject(work, app, task, host), *args, **kwargs)
            value = self._value(work, task, call)
            return ProcessEnd(value=task.signature.encode_result(value))
        except BaseException as exc:  # noqa: BLE001 - whatever a body raises is its outcome
            return _end_by(exc, task, texts_in(secrets), is_damaged=self._is_damaged)
        finally:
            host.has_ended = True

    def _value(self, work: ProcessWork, task: TaskDefinition, call: Callable[[], Any]) -> Any:
        with limited_memory(work.max_memory):
            if task.is_async:
                return self._in_loop(self._coroutine(task, call))
            value = contextvars.copy_context().run(self._plain, task, call)
            return self._in_loop(value) if inspect.isawaitable(value) else value

    def _plain(self, task: TaskDefinition, call: Callable[[], Any]) -> Any:
        if task.is_generator:
            return drain(call(), partial(self._handled, task), partial(self._emit, task))
        return call()

    def _handled(self, task: TaskDefinition, value: Any) -> Any:
        """Return what the handler of a plain generator answers, which may be asynchronous itself."""
        handler = task.options.generate_handler
        answer = None if handler is None else handler(value)
        return self._in_loop(answer) if inspect.isawaitable(answer) else answer

    async def _coroutine(self, task: TaskDefinition, call: Callable[[], Any]) -> Any:
        if task.is_generator:
            return await adrain(call(), task.options.generate_handler, partial(self._emit, task))
        value = call()
        return await value if inspect.isawaitable(value) else value

    def _in_loop(self, awaitable: Awaitable[Any]) -> Any:
        self.has_loop = True
        try:
            value, error = self.runner.run(_caught(awaitable), context=contextvars.copy_context())
        except BaseException:  # of something that a body has left in the loop
            self._is_damaged = True
            raise
        if error is not None:
            raise error
        return value

    def _emit(self, task: TaskDefinition, value: Any) -> None:
        what, is_secret = f"a value that task {task.name!r} yields", task.signature.secret_result
        self._say(Item(encode_value(value, what, secret=is_secret)))


def _subject(
    work: ProcessWork, app: QueueTasks | None, task: TaskDefinition, host: RunHost
) -> tuple[Any, ...]:
    """Return what the body gets before its arguments: with `echo=True` the task, else nothing."""
    if not task.options.echo:
        return ()
    if app is None:
        raise TaskError(
            f"the process of task {task.name!r} does not know its app, and so cannot give it a ctx:"
            " make the app at the top of a module, and include the router of the task there"
        )
    return (running_task(app, task, work.delivery, host),)


def _end_by(
    error: BaseException, task: TaskDefinition | None, secrets: Sequence[str], *, is_damaged: bool
) -> ProcessEnd:
    if isinstance(error, TaskCancelError):
        return ProcessEnd(cancelled=reason_of(error, secrets))
    if isinstance(error, TaskPluginTriggerError):
        try:
            return ProcessEnd(trigger=encode_value(error.values, "what ctx.plugin_error was given"))
        except BaseException as exc:  # noqa: BLE001 - values of users
            error = exc
    retry_on = (Exception,) if task is None else task.options.retry.on
    return ProcessEnd(
        failure=describe(error, secrets),  # here: what is cut out of a long text may cut a secret in two
        retryable=isinstance(error, retry_on),
        suspect=is_damaged or _is_of_memory(error),
    )


def _is_of_memory(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        try:
            return error.subgroup(MemoryError) is not None
        except BaseException:  # noqa: BLE001 - too deep to walk through, or methods of a user's group
            return True
    return isinstance(error, MemoryError)


async def _caught(awaitable: Awaitable[Any]) -> Ended:
    """Keep what a body raises out of the loop, which SystemExit would end."""
    try:
        return await awaitable, None
    except BaseException as exc:  # noqa: BLE001 - whatever a body raises is its outcome
        return None, exc
