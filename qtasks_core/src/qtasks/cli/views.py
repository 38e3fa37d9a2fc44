"""Tasks, queues and workers as the command shows them; `docs/cli.md` names the keys, which do not change.

Nothing here shows a secret: arguments are those of `TaskView`, results go through `shown_result`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from qtasks.cli.output import age, duration, moment, pairs, table
from qtasks.errors import QTasksError
from qtasks.manage import QueueState
from qtasks.models import Counts, Event, WorkerInfo
from qtasks.result import TaskView
from qtasks.serialization import pack, shown_result
from qtasks.status import TaskStatus

_FACTS: Final = ("id", "task", "status", "queue", "priority", "attempts", "losses", "worker")
_TELLING: Final = ("progress", "note", "reason", "cancel_wished", "unique", "unreadable")
"""What of a task is shown in words only where there is something."""


def task_row(task: TaskView[Any]) -> dict[str, Any]:
    """Return a task as lists of tasks show it."""
    record = task.record
    return {
        "id": record.id,
        "task": record.task,
        "status": record.status.value,
        "queue": record.queue,
        "priority": record.priority,
        "created_at": _iso(record.created_at),
        "due": _iso(record.due),
        "started_at": _iso(record.started_at),
        "finished_at": _iso(record.finished_at),
        "attempts": record.attempts,
        "losses": record.losses,
        "worker": record.worker,
        "progress": record.progress,
        "note": record.note,
        "reason": record.reason,
    }


def task_whole(task: TaskView[Any]) -> dict[str, Any]:
    """Return everything that is known of a task; what cannot be read is null, and `unreadable` says why."""
    record = task.record
    return {
        **task_row(task),
        "updated_at": _iso(record.updated_at),
        "expires_at": _iso(record.expires_at),
        "cancel_wished": record.cancel,
        "unique": record.unique,
        "token": dict(zip(record.token._fields, record.token, strict=True)),
        "history": [_event(event) for event in record.history],
        **_values(task),
    }


def queue_row(queue: QueueState) -> dict[str, Any]:
    """Return a queue."""
    return {
        "name": queue.name,
        "ready": queue.ready,
        "delayed": queue.delayed,
        "running": queue.running,
        "age": queue.age,
        "dead": queue.dead,
        "paused": queue.is_paused,
    }


def worker_row(worker: WorkerInfo) -> dict[str, Any]:
    """Return a worker."""
    return {
        "id": worker.id,
        "host": worker.host,
        "pid": worker.pid,
        "slots": worker.slots,
        "started_at": _iso(worker.started_at),
        "queues": list(worker.queues),
        "tasks": list(worker.tasks),
    }


def counts_row(counts: Counts) -> dict[str, int]:
    """Return the number of records in each status, and of all."""
    return {**{status.value: counts[status] for status in TaskStatus}, "total": counts.total}


def task_table(tasks: Sequence[TaskView[Any]]) -> str:
    """Return tasks as lines for people."""
    titles = ("ID", "TASK", "STATUS", "QUEUE", "PRIORITY", "ATTEMPTS", "AGE", "REASON")
    rows = (
        (t.id, t.task_name, t.status, t.queue, t.priority, t.attempts, age(t.created_at), t.reason)
        for t in tasks
    )
    return table(titles, rows) if tasks else "no tasks"


def queue_table(queues: Sequence[QueueState]) -> str:
    """Return queues as lines for people."""
    titles = ("QUEUE", "READY", "DELAYED", "RUNNING", "OLDEST", "DEAD", "STATE")
    rows = (
        (q.name, q.ready, q.delayed, q.running, duration(q.age), q.dead, "paused" if q.is_paused else "open")
        for q in queues
    )
    return table(titles, rows) if queues else "no queue holds anything"


def worker_table(workers: Sequence[WorkerInfo]) -> str:
    """Return workers as lines for people."""
    titles = ("WORKER", "HOST", "PID", "SLOTS", "TASKS", "UP", "QUEUES")
    rows = (
        (w.id, w.host, w.pid, w.slots, len(w.tasks), age(_moment(w.started_at)), ",".join(w.queues))
        for w in workers
    )
    return table(titles, rows) if workers else "no worker is alive"


def counts_table(counts: Counts) -> str:
    """Return the numbers as lines for people."""
    return table(("STATUS", "TASKS"), counts_row(counts).items())


def task_text(task: TaskView[Any]) -> str:
    """Return everything that is known of a task, in words."""
    whole = task_whole(task)
    facts = [(name, whole[name]) for name in _FACTS]
    times = ("created_at", "due", "started_at", "finished_at")
    facts += [(name, moment(getattr(task, name))) for name in times if whole[name] is not None]
    facts += [(name, whole[name]) for name in _TELLING if whole[name] is not None]
    for name in ("args", "kwargs", "result"):
        if whole[name] is not None:
            facts.append((name, json.dumps(whole[name], ensure_ascii=False)))
    if (failure := whole["failure"]) is not None:
        facts.append(("failure", f"{failure['type']}: {failure['message']}\n{failure['traceback']}"))
    return pairs([*facts, *_history(task.record.history)])


def _values(task: TaskView[Any]) -> dict[str, Any]:
    """Return what is encoded in the record; one that cannot be read leaves the others alone."""
    problems: list[str] = []

    def read(get: Any) -> Any:
        try:
            return pack(get())[0]
        except QTasksError as exc:
            problems.append(str(exc))
            return None

    record, signature = task.record, task.source.signature_of(task.task_name)
    values = {
        "args": read(lambda: task.args),
        "kwargs": read(lambda: dict(task.kwargs)),
        "result": read(lambda: None if record.result is None else shown_result(record.result, signature)),
        "failure": read(lambda: _failure(task)),
    }
    return {**values, "unreadable": "; ".join(dict.fromkeys(problems)) or None}


def _failure(task: TaskView[Any]) -> dict[str, str] | None:
    failure = task.failure
    if failure is None:
        return None
    return {"type": failure.type, "message": failure.message, "traceback": failure.traceback}


def _event(event: Event) -> dict[str, Any]:
    return {
        "at": _iso(event.at),
        "end": event.end,
        "worker": event.worker,
        "epoch": event.token.epoch,
        "attempt": event.token.attempt,
        "delivery": event.token.delivery,
    }


def _history(events: Iterable[Event]) -> list[tuple[str, str]]:
    lines = [
        f"delivery {event.token.delivery}: {event.end}, {moment(_moment(event.at))}"
        + (f", {event.worker}" if event.worker else "")
        for event in events
    ]
    return [("history", "\n".join(lines))] if lines else []


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else _moment(seconds).isoformat(timespec="milliseconds")


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
