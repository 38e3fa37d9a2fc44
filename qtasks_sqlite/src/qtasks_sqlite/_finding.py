# ruff: noqa: S608 - nothing from outside is put into a statement: the parts are constants of this module
"""Records by what they are: statements made for the shape of a query."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Final

from qtasks.models import Query
from qtasks.status import FINAL, TaskStatus
from qtasks_sqlite._rows import Named
from qtasks_sqlite._statements import RECORD, RECORDS

_ALONE: Final = "role = 0 AND status = "

# Where the records of each status are: every part has an index.
_PLACES: Final[dict[TaskStatus, tuple[str, ...]]] = {
    TaskStatus.NEW: (
        "turn IS NOT NULL AND status = 'new' AND role = 2",
        "due <= :now AND status = 'delayed' AND role = 2",
        f"{_ALONE}'new'",
        f"{_ALONE}'delayed' AND due <= :now",
    ),
    TaskStatus.DELAYED: (
        "due > :now AND status = 'delayed' AND role = 2",
        f"{_ALONE}'delayed' AND due > :now",
    ),
    TaskStatus.PROCESS: ("holder IS NOT NULL AND role = 2", f"{_ALONE}'process'"),
    TaskStatus.RETRY: (
        "status = 'retry' AND turn IS NOT NULL AND role = 2",
        "status = 'retry' AND due IS NOT NULL AND role = 2",
        f"{_ALONE}'retry'",
    ),
    **{status: (f"status = '{status.value}' AND remove_at > :now AND role <> 1",) for status in FINAL},
}
_ANYWHERE: Final = ("role <> 1 AND (remove_at IS NULL OR remove_at > :now)",)
"""All statuses: the table is read from end to end, which is faster than by an index row by row."""


def statement(query: Query) -> str:
    """Return the statement that answers such a query."""
    return _statement(
        query.statuses, query.queue is not None, query.task is not None, query.after is not None
    )


def values(query: Query, app: str, now: float) -> Named:
    """Return its values."""
    created, task_id = query.after or (None, None)
    return {
        "app": app,
        "now": now,
        "queue": query.queue,
        "name": query.task,
        "created": created,
        "id": task_id,
        "limit": max(query.limit, 0),
    }


@lru_cache(maxsize=64)
def _statement(
    statuses: AbstractSet[TaskStatus] | None, has_queue: bool, has_task: bool, has_after: bool
) -> str:
    places = _ANYWHERE if statuses is None else tuple(p for s in sorted(statuses) for p in _PLACES[s])
    wanted = "+app = :app" if statuses is None else "app = :app"
    wanted += " AND queue = :queue" if has_queue else ""
    wanted += " AND name = :name" if has_task else ""
    wanted += " AND (created_at, id) < (:created, :id)" if has_after else ""
    parts = " UNION ALL ".join(
        f"SELECT seq, created_at, id FROM task WHERE {wanted} AND {place}" for place in places
    )
    # Only what is sorted is read here, so that large bodies are read for the page alone.
    return f"""
    SELECT {RECORD} FROM {RECORDS}
    WHERE seq IN (SELECT seq FROM ({parts}) ORDER BY created_at DESC, id DESC LIMIT :limit)
    ORDER BY created_at DESC, id DESC
    """
