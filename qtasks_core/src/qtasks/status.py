"""The states of a task and the legal moves between them, as data."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class TaskStatus(StrEnum):
    """Where a task is in its life."""

    NEW = "new"
    """Ready, waiting for a worker."""
    DELAYED = "delayed"
    """Waiting for its first moment."""
    PROCESS = "process"
    """In the hands of a worker."""
    RETRY = "retry"
    """It failed, and waits for its next attempt."""
    SUCCESS = "success"
    ERROR = "error"
    CANCEL = "cancel"
    DEAD = "dead"
    """Given up without an outcome of its own: lost workers, unknown name, undecodable, expired."""


TaskStatusEnum = TaskStatus
"""The name under which users of earlier versions know `TaskStatus`."""

WAITING: Final = frozenset({TaskStatus.NEW, TaskStatus.DELAYED, TaskStatus.RETRY})
FINAL: Final = frozenset({TaskStatus.SUCCESS, TaskStatus.ERROR, TaskStatus.CANCEL, TaskStatus.DEAD})

MOVES: Final[dict[TaskStatus, frozenset[TaskStatus]]] = {
    # A lost or given-back delivery is `new` again; one given back with a delay is `delayed`.
    TaskStatus.NEW: frozenset({TaskStatus.PROCESS, TaskStatus.CANCEL, TaskStatus.DEAD}),
    TaskStatus.DELAYED: frozenset({TaskStatus.NEW, TaskStatus.CANCEL, TaskStatus.DEAD}),
    TaskStatus.PROCESS: frozenset({TaskStatus.NEW, TaskStatus.DELAYED, TaskStatus.RETRY}) | FINAL,
    TaskStatus.RETRY: frozenset({TaskStatus.PROCESS, TaskStatus.CANCEL, TaskStatus.DEAD}),
    # Final is final: only an explicit requeue, which opens a new epoch, leads out.
    TaskStatus.SUCCESS: frozenset({TaskStatus.NEW}),
    TaskStatus.ERROR: frozenset({TaskStatus.NEW}),
    TaskStatus.CANCEL: frozenset({TaskStatus.NEW}),
    TaskStatus.DEAD: frozenset({TaskStatus.NEW}),
}


def is_legal(before: TaskStatus, after: TaskStatus) -> bool:
    """Whether a task may go from `before` to `after` in one step."""
    return after in MOVES[before]
