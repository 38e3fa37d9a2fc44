"""What a test has sent, and whether that is what it expects."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from qtasks.errors import DecodeError, EncodeError, TaskArgumentError, UsageError
from qtasks.producer import record_of
from qtasks.registry import bound_by_place
from qtasks.result import Task
from qtasks.serialization import decode_envelope, decode_value, encode_value
from qtasks.task import BaseTask

if TYPE_CHECKING:
    from qtasks.app import QueueTasks
    from qtasks.models import Message
    from qtasks.registry import TaskDefinition

NEARLY: Final = 1.0
"""Seconds by which a delay may differ from the expected one: an `eta` is counted from another moment."""
_UNSENDABLE: Final = object()


def name_of(task: object) -> str:
    """Return the name of a task that is given as itself or by its name.

    Raises:
        UsageError: It is neither.
    """
    if isinstance(task, str):
        return task
    if isinstance(task, BaseTask):
        return task.task_name
    raise UsageError(f"give the task or its name, not {task!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A call that a test expects, or does not expect. What it does not say may be anything.

    Raises:
        TaskArgumentError: The task has no such arguments.
    """

    app: QueueTasks
    name: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    queue: str | None = None
    delay: float | None = None

    def __post_init__(self) -> None:
        definition = self.app.tasks.get(self.name)
        if definition is not None:
            _partly_bound(definition, self.args, self.kwargs)

    def matches(self, message: Message) -> bool:
        """Whether this is such a call."""
        if message.task != self.name or (self.queue is not None and message.queue != self.queue):
            return False
        if self.delay is not None and abs(_delay(message) - self.delay) > NEARLY:
            return False
        return self._has_arguments(message)

    def _has_arguments(self, message: Message) -> bool:
        definition = self.app.tasks.get(self.name)
        envelope = decode_envelope(message.body)
        sent = [_bound(definition, *envelope.arguments())]
        if definition is None:
            return _holds(bound_by_place(self.args, self.kwargs), sent)
        with suppress(DecodeError):  # values of a wrong type can only be compared as they were sent
            sent.append(_bound(definition, *definition.signature.decode(envelope)))
        return _holds(_partly_bound(definition, self.args, self.kwargs), sent)

    def __str__(self) -> str:
        said = [*map(repr, self.args), *(f"{name}={value!r}" for name, value in self.kwargs.items())]
        where = "" if self.queue is None else f" in the queue {self.queue!r}"
        when = "" if self.delay is None else f" with a delay of {self.delay:g} s"
        return f"{self.name}({', '.join(said) or '…'}){where}{when}"


def shown(app: QueueTasks, message: Message) -> str:
    """Return one sent call in one line; what is secret of it is not shown."""
    task: Task[Any] = Task(app, record_of(message))
    said = [*map(repr, task.args), *(f"{name}={value!r}" for name, value in task.kwargs.items())]
    delay = f", delay {_delay(message):g} s" if message.due is not None else ""
    return f"{message.task}({', '.join(said)})  queue {message.queue!r}{delay}"


def listing(app: QueueTasks, sent: Sequence[Message]) -> str:
    """Return all that was sent, for a message of failure."""
    if not sent:
        return "Nothing was enqueued in this test."
    return "\n".join(["Enqueued in this test:", *(f"  {shown(app, message)}" for message in sent)])


def _delay(message: Message) -> float:
    return 0.0 if message.due is None else message.due - message.created_at


def _bound(
    definition: TaskDefinition | None, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    if definition is None:
        return bound_by_place(args, kwargs)
    return _flat(definition, definition.signature.bound(args, kwargs))


def _partly_bound(
    definition: TaskDefinition, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return those arguments by the names of their parameters, and no defaults."""
    signature = inspect.signature(definition.function)
    if definition.options.echo:
        signature = signature.replace(parameters=list(signature.parameters.values())[1:])
    try:
        bound = signature.bind_partial(*args, **kwargs)
    except TypeError as exc:
        raise TaskArgumentError(f"{definition.name}() {exc}") from exc
    return _flat(definition, bound.arguments)


def _flat(definition: TaskDefinition, bound: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with what `**kwargs` takes among the others."""
    flat: dict[str, Any] = {}
    parameters = inspect.signature(definition.function).parameters
    for name, value in bound.items():
        if parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            flat |= value
        else:
            flat[name] = value
    return flat


def _holds(expected: Mapping[str, Any], sent: Sequence[Mapping[str, Any]]) -> bool:
    """Whether each expected argument is there, as it was sent or as it arrives."""
    return all(
        any(name in each and _equal(value, each[name]) for each in sent) for name, value in expected.items()
    )


def _equal(expected: Any, sent: Any) -> bool:
    return bool(expected == sent) or bool(_as_sent(expected) == sent)


def _as_sent(value: Any) -> Any:
    """Return what is left of a value on its way: a dataclass is a dict then."""
    try:
        return decode_value(encode_value(value))
    except EncodeError:
        return _UNSENDABLE
