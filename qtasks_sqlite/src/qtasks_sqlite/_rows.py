"""Rows of the file ↔ values of the core."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final

import msgspec

from qtasks.errors import BackendMismatch
from qtasks.models import (
    Delivery,
    Event,
    GiveBack,
    GiveBackReason,
    Message,
    Outcome,
    Record,
    Token,
)
from qtasks.status import FINAL, TaskStatus

Row = tuple[Any, ...]
Named = dict[str, Any]


class Role(IntEnum):
    """What a row stands for."""

    RECORD = 0
    """A record alone: another broker queues the task."""
    ENTRY = 1
    """A queue entry alone: another storage keeps the record."""
    BOTH = 2


_History: Final = msgspec.json.Decoder(list[tuple[int, int, int, str, float, str | None]])
_STATUSES: Final[dict[str, TaskStatus]] = {status.value: status for status in TaskStatus}


def ids_text(ids: Sequence[str]) -> str:
    """Return the ids as one parameter, for `json_each`."""
    return msgspec.json.encode(list(ids)).decode()


def message_row(message: Message, app: str, role: Role, now: float) -> Row:
    """Return the values of the statement INSERT."""
    due = message.due if message.due is not None and message.due > now else None
    ready = now if due is None else None
    return (
        app,
        message.queue,
        message.priority,
        role.value,
        "new" if due is None else "delayed",
        None if role is Role.RECORD else ready,
        ready,
        due,
        now,
        message.created_at,
        ready,
        message.expires_at,
        message.id,
        message.task,
        message.body,
        message.token.epoch,
        message.token.delivery,
        message.token.delivery or None,
    )


def finish_row(outcome: Outcome, app: str, now: float) -> Row:
    """Return the values of the statement FINISH."""
    return (
        outcome.status.value,
        outcome.finished_at,
        math.inf if outcome.remove_at is None else outcome.remove_at,
        outcome.started_at is not None,
        now,
        outcome.started_at,
        outcome.reason,
        outcome.error,
        outcome.result,
        outcome.id,
        app,
        outcome.token.delivery,
    )


def retry_row(outcome: Outcome, app: str, now: float) -> Named:
    """Return the values of the statement RETRY."""
    due = outcome.due if outcome.due is not None and outcome.due > now else None
    return {
        "turn": now if due is None else None,
        "due": due,
        "now": now,
        "started_at": outcome.started_at,
        "reason": outcome.reason,
        "error": outcome.error,
        "result": outcome.result,
        "id": outcome.id,
        "app": app,
        "delivery": outcome.token.delivery,
    }


def give_back_row(returned: GiveBack, app: str, now: float) -> Named:
    """Return the values of the statement GIVE_BACK."""
    return {
        "status": "delayed" if returned.delay > 0 else "new",
        "due": now + returned.delay if returned.delay > 0 else None,
        "turn": returned.reason is GiveBackReason.UNKNOWN,
        "loss": returned.reason is GiveBackReason.FAULT,
        "end": returned.reason.value,
        "folds": returned.reason.folds,
        "now": now,
        "id": returned.id,
        "app": app,
        "delivery": returned.token.delivery,
    }


def delivery(row: Row) -> Delivery:
    """Return what a row of the statement CLAIM says."""
    priority, place, _, task_id, name, queue, body, epoch, attempt, number, created_at, since, *rest = row
    expires_at, losses, turns, cancel = rest
    return Delivery(
        task_id,
        name,
        queue,
        priority,
        body,
        Token(epoch, attempt, number),
        created_at,
        place if since is None else since,
        expires_at,
        losses,
        turns,
        cancel,
    )


def requeued(row: Row) -> Message:
    """Return what a row of the statement REQUEUE says."""
    task_id, name, queue, priority, body, created_at, epoch, number = row
    return Message(task_id, name, queue, priority, body, created_at, token=Token(epoch, 1, number))


def record(row: Row, now: float) -> Record:
    """Return what a row of the statement GET says, as it is at this moment."""
    task_id, name, queue, priority, status, body, created_at, updated_at, due, *rest = row
    expires_at, started_at, finished_at, epoch, attempt, number, attempts, losses, turns, *rest = rest
    worker, result, error, reason, history, cancel, unique, progress, note = rest
    status = status_at(status, due, now)
    return Record(
        id=task_id,
        task=name,
        queue=queue,
        priority=priority,
        status=status,
        body=body,
        created_at=created_at,
        updated_at=updated_at,
        due=due,
        expires_at=expires_at,
        started_at=started_at,
        finished_at=finished_at,
        token=Token(epoch, attempt, number),
        attempts=attempts,
        losses=losses,
        turns=turns,
        worker=worker,
        result=result,
        error=error,
        reason=reason,
        cancel=None if status in FINAL else cancel,
        progress=progress,
        note=note,
        unique=unique,
        history=_events(history),
    )


def status_at(status: str, due: float | None, now: float) -> TaskStatus:
    """Return the status; a delayed task whose moment has come is new, whether or not a worker has seen it."""
    if status == "delayed" and due is not None and due <= now:
        return TaskStatus.NEW
    try:
        return _STATUSES[status]
    except KeyError:
        raise BackendMismatch(
            f"a record has the status {status!r}, which this version does not know: upgrade qtasks-sqlite,"
            f" or restore the file if it is damaged"
        ) from None


def _events(text: str | None) -> tuple[Event, ...]:
    if text is None:
        return ()
    try:
        lines = _History.decode(text)
    except msgspec.MsgspecError:  # damaged: the next event begins it anew, and the outcome is worth more
        return ()
    return tuple(
        Event(Token(epoch, attempt, number), end, at, worker)
        for epoch, attempt, number, end, at, worker in lines
    )
