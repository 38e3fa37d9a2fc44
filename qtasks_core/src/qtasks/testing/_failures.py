"""Raises what the tasks of a test have failed with: the real exceptions, with the lines of the bodies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import qtasks
from qtasks.errors import QTasksError
from qtasks.status import TaskStatus
from qtasks.worker.outcomes import RemoteError

if TYPE_CHECKING:
    from types import TracebackType

    from qtasks.result import Task

_OURS: Final = str(Path(qtasks.__file__).parent)


def raise_failures(tasks: Iterable[Task[Any]], errors: Mapping[str, BaseException]) -> None:
    """Raise what those have failed with that ended `error` or `dead`; several as an ExceptionGroup.

    Args:
        tasks: Finished ones.
        errors: The last exception of each, by its id.
    """
    __tracebackhide__ = True
    failed = [task for task in tasks if task.status in {TaskStatus.ERROR, TaskStatus.DEAD}]
    failures = [_failure(task, errors.get(task.id)) for task in failed]
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise ExceptionGroup(f"{len(failures)} tasks failed", failures)


def _failure(task: Task[Any], error: BaseException | None) -> Exception:
    is_remote = isinstance(error, RemoteError)  # of a process: only its words are here
    if task.status is TaskStatus.DEAD or is_remote or not isinstance(error, Exception):
        return _of_record(task)
    note = f"raised by the task {task.task_name} ({task.id}), attempt {task.attempts}"
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)
    return error.with_traceback(_from_body(error.__traceback__))


def _of_record(task: Task[Any]) -> QTasksError:
    try:
        task.value()
    except QTasksError as exc:
        return exc
    raise AssertionError(f"{task!r} has not failed")


def _from_body(trace: TracebackType | None) -> TracebackType | None:
    """Return the traceback from the first line on that is not ours; all of it where there is none."""
    inner = trace
    while inner is not None and inner.tb_frame.f_code.co_filename.startswith(_OURS):
        inner = inner.tb_next
    return trace if inner is None else inner
