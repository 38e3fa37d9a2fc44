"""How the steps that follow a task travel with it: in the header `then` of its message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from qtasks.options import CallOptions
from qtasks.producer import Call
from qtasks.serialization import decode_envelope, encode_envelope

if TYPE_CHECKING:
    from qtasks.registry import Registry

THEN: Final = "then"
"""The name of the header."""


def written(calls: Sequence[Call], ids: Sequence[str], now: float) -> list[dict[str, Any]]:
    """Return the later steps of a chain as plain values.

    Raises:
        TaskArgumentError: The arguments of one, with the value of the step before, do not fit its signature.
        EncodeError: An argument cannot be written; the text names it.
    """
    for call in calls:
        if call.definition is not None:
            call.definition.signature.check([*call.args, None], call.kwargs)
    return [_written(call, task_id, now) for call, task_id in zip(calls, ids, strict=True)]


def _written(call: Call, task_id: str, now: float) -> dict[str, Any]:
    options, task = call.options, None if call.definition is None else call.definition.options
    names = () if call.definition is None else call.definition.signature.names
    body = encode_envelope(
        id=task_id,
        task=call.task_name,
        args=call.args,
        kwargs=call.kwargs,
        created=now,
        retry=options.retry,
        max_time=options.max_time,
        result_ttl=options.result_ttl,
        names=names,
    )
    step: dict[str, Any] = {"message": body.decode()}
    kept = {
        "queue": options.queue or (task.queue if task else None),
        "priority": task.priority if task and options.priority is None else options.priority,
        "delay": options.delay,
        "expires": task.expires if task and options.expires is None else options.expires,
    }
    return step | {name: value for name, value in kept.items() if value is not None}


def next_call(headers: Mapping[str, Any], value: Any, registry: Registry) -> Call | None:
    """Return the step that follows a task which has returned `value`, or None after the last one.

    The value is its last positional argument.

    Raises:
        DecodeError: The header is no chain.
    """
    steps = headers.get(THEN)
    if not steps:
        return None
    step, *later = steps
    envelope = decode_envelope(step["message"].encode())
    args, kwargs = envelope.arguments()
    options = CallOptions(
        id=envelope.id,
        queue=step.get("queue"),
        priority=step.get("priority"),
        delay=step.get("delay"),
        expires=step.get("expires"),
        retry=envelope.retry,
        max_time=envelope.max_time,
        result_ttl=envelope.result_ttl,
        unique=False,
    )
    following = {name: value for name, value in headers.items() if name != "secret"} | {THEN: later}
    return Call(envelope.task, [*args, value], kwargs, options, registry.get(envelope.task), following)
