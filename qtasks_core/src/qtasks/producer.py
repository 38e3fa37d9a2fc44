"""From a call to a message: what a producer does before the backend has the task."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import structs

from qtasks.errors import BackendError, DecodeError
from qtasks.ids import new_id
from qtasks.models import Message, Record, UniqueKey
from qtasks.names import check_task_name
from qtasks.options import NO_OPTIONS, CallOptions, TaskOptions, check_priority
from qtasks.plugins.events import TaskAdded, TaskAdding
from qtasks.registry import bound_by_place
from qtasks.serialization import decode_envelope, encode_envelope, headers_with_secrets, masked
from qtasks.status import TaskStatus
from qtasks.unique import Unique

if TYPE_CHECKING:
    from qtasks.app import QueueTasks
    from qtasks.registry import TaskDefinition
    from qtasks.result import Task
    from qtasks.runtime import Runtime


NO_TASK: Final = TaskOptions(extra={})
"""What is said of a task that is not known here."""


class Call(msgspec.Struct, frozen=True):
    """A task with its arguments, not sent yet: what `task.bind(…)` makes."""

    task_name: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    options: CallOptions = NO_OPTIONS
    definition: TaskDefinition | None = None
    """None where the producer does not know the task."""
    headers: Mapping[str, Any] = {}
    """What plugins added to the message."""

    def __repr__(self) -> str:
        task = self.definition
        hidden = () if task is None else task.signature.secret_places(self.args, self.kwargs)
        args, kwargs = masked(self.args, self.kwargs, hidden)
        return f"<Call {self.task_name} {args!r} {kwargs!r}>"


def message_of(call: Call, runtime: Runtime) -> Message:
    """Check the call and write its message.

    Raises:
        ConfigError: Its name is none.
        TaskArgumentError: The arguments do not fit the signature.
        EncodeError: One of them cannot be written.
    """
    definition, options, config, now = call.definition, call.options, runtime.config, runtime.clock.now()
    task = NO_TASK
    names: Sequence[str] = ()
    has_headers = bool(call.headers)
    if definition is not None:
        signature, task = definition.signature, definition.options
        signature.check(call.args, call.kwargs)
        names, has_headers = signature.names, has_headers or bool(signature.secrets)
    else:
        check_task_name(call.task_name)
    queue, priority, expires, due = task.queue, task.priority, task.expires, None
    unique: Unique | bool | str | None = task.unique
    if options is not NO_OPTIONS:
        queue, priority, expires, unique, due = _chosen(options, task, now)
    if priority is None:
        priority = config.task_default_priority
    key = _unique_key(call, unique, now) if unique else None
    expires_at = None if expires is None else (due or now) + expires
    task_id = options.id or new_id()
    body = encode_envelope(
        task_id,
        call.task_name,
        call.args,  # by their places: with these two as keywords, CPython would make a dict for each call
        call.kwargs,
        queue=queue,
        priority=priority,
        created=now,
        due=due,
        expires=expires_at,
        unique=None if key is None else key.key,
        retry=options.retry,
        max_time=options.max_time,
        result_ttl=options.result_ttl,
        headers=_headers(call) if has_headers else None,
        serializer=runtime.serializer,
        names=names,
        limit=config.max_message_size,
    )
    return Message(task_id, call.task_name, queue, priority, body, now, due, expires_at, unique=key)


def _chosen(options: CallOptions, task: TaskOptions, now: float) -> tuple[Any, ...]:
    """Return queue, priority, expiry, unique and due moment: what the call says, else what the task says."""
    return (
        options.queue or task.queue,
        task.priority if options.priority is None else options.priority,
        task.expires if options.expires is None else options.expires,
        task.unique if options.unique is None else options.unique,
        options.due(now),
    )


def _headers(call: Call) -> dict[str, Any] | None:
    """Return what travels beside the arguments, and which of these are secret."""
    definition = call.definition
    if definition is not None and definition.signature.secrets:
        return headers_with_secrets(definition.signature, call.args, call.kwargs, call.headers)
    return dict(call.headers) if call.headers else None


def _unique_key(call: Call, wish: Unique | bool | str, now: float) -> UniqueKey | None:
    """Return what keeps a second such call away."""
    unique = Unique.of(wish)
    if unique is None:
        return None
    definition = call.definition
    if definition is None:
        bound = bound_by_place(call.args, call.kwargs)
    else:
        bound = definition.signature.bound(call.args, call.kwargs)
    return unique.key_of(call.task_name, bound, now)


def result_ttl_of(record: Record | None, runtime: Runtime) -> float | None:
    """Return how long a record stays after its end: as the call says, else its task, else the settings."""
    if record is None:
        return runtime.config.result_ttl
    task = runtime.registry.get(record.task)
    own = said_of_result_ttl(record.body)
    if own is None and task is not None:
        own = task.options.result_ttl
    return runtime.config.result_ttl if own is None else own


def said_of_result_ttl(body: bytes) -> float | None:
    """Return what a call says of its `result_ttl`; None where it says nothing, or is no message."""
    try:
        return decode_envelope(body).result_ttl
    except DecodeError:
        return None


def record_of(message: Message) -> Record:
    """Return the record as it is directly after `publish`."""
    return Record(
        id=message.id,
        task=message.task,
        queue=message.queue,
        priority=message.priority,
        status=TaskStatus.NEW if message.due is None else TaskStatus.DELAYED,
        body=message.body,
        created_at=message.created_at,
        updated_at=message.created_at,
        due=message.due,
        expires_at=message.expires_at,
    )


async def send(app: QueueTasks, runtime: Runtime, calls: Sequence[Call]) -> list[Task[Any]]:
    """Send a batch, all or none, in one round trip to the backend.

    Raises:
        BackendError: It was not accepted; `task_id` of the error is the id of the first one.
        PluginError: A hook failed; nothing was sent.
    """
    from qtasks.result import Task  # the handle knows the app's side, which imports this module

    calls = await _before(app, runtime, calls)
    messages = [message_of(call, runtime) for call in calls]
    try:
        kept_away = await runtime.dispatch.publish(messages)
    except BackendError as exc:
        exc.task_id = messages[0].id if messages else None
        raise
    tasks: list[Task[Any]] = [Task(app, record_of(message)) for message in messages]
    if kept_away:
        first = await _first_tasks(runtime, set(kept_away.values()))
        tasks = [_instead(task, kept_away, first) for task in tasks]
    await _after(app, runtime, calls, tasks)
    return tasks


async def _first_tasks(runtime: Runtime, ids: Collection[str]) -> Mapping[str, Record]:
    """Return the records of the tasks that keep others away."""
    records = await runtime.dispatch.storage.get(list(ids))
    return {record.id: record for record in records if record is not None}


def _instead(task: Task[Any], kept_away: Mapping[str, str], first: Mapping[str, Record]) -> Task[Any]:
    """Return the task that keeps this one away, if one does; one that was removed meanwhile as it was."""
    if task.id not in kept_away:
        return task
    task_id = kept_away[task.id]
    record = first.get(task_id) or structs.replace(task.record, id=task_id)
    return type(task)(task.source, record)


async def _before(app: QueueTasks, runtime: Runtime, calls: Sequence[Call]) -> Sequence[Call]:
    hook = runtime.triggers.qtasks_add_task_before_broker
    if hook is None:
        return calls
    return [_merged(call, await hook(_adding(app, runtime, call)), app) for call in calls]


def _adding(app: QueueTasks, runtime: Runtime, call: Call) -> TaskAdding:
    priority = call.options.priority
    if priority is None and call.definition is not None:
        priority = call.definition.options.priority
    return TaskAdding(
        app=app,
        broker=runtime.dispatch.broker,
        task_name=call.task_name,
        priority=runtime.config.task_default_priority if priority is None else priority,
        args=tuple(call.args),
        kwargs=dict(call.kwargs),
        extra={},
    )


def _merged(call: Call, event: TaskAdding, app: QueueTasks) -> Call:
    """Return the call as the plugins have left it."""
    check_priority(event.priority)
    return Call(
        event.task_name,
        event.args,
        event.kwargs,
        call.options.merged(priority=event.priority),
        call.definition if event.task_name == call.task_name else app.tasks.get(event.task_name),
        {**call.headers, **event.extra},
    )


async def _after(
    app: QueueTasks, runtime: Runtime, calls: Sequence[Call], tasks: Sequence[Task[Any]]
) -> None:
    hook = runtime.triggers.qtasks_add_task_after_broker
    if hook is None:
        return
    for call, task in zip(calls, tasks, strict=True):
        event = TaskAdded(
            app=app,
            broker=runtime.dispatch.broker,
            task_name=call.task_name,
            priority=task.priority,
            args=tuple(call.args),
            kwargs=dict(call.kwargs),
            task=task,
        )
        await hook(event)
