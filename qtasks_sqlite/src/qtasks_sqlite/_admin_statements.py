# ruff: noqa: S608 - nothing from outside is put into a statement: the parts are constants of this module
"""The statements of those who look after tasks: cancel, remove, count, peek; and of unique keys.

`role` is 0 for a record alone, 1 for a queue entry alone, 2 for both in one.
"""

from __future__ import annotations

from typing import Final

from qtasks_sqlite._statements import ENDED, MAY_BE_IN_HAND

# Not gone yet: a record is gone for every reader when its moment has come.
_THERE: Final = "(remove_at IS NULL OR remove_at > :now)"

# What a reader calls the status: a delayed task whose moment has come is new.
_STATUS: Final = "CASE WHEN status = 'delayed' AND due <= :now THEN 'new' ELSE status END"

_OTHER: Final = f"""
SELECT id FROM task
WHERE app = :app AND unique_key = :key AND {{end}} AND id <> :id AND role <> 1 AND created_at >= :since
  AND {_STATUS} IN (SELECT value FROM json_each(:states))
ORDER BY status IN ('success', 'error', 'cancel', 'dead'), created_at DESC, seq DESC LIMIT 1
"""

# Who keeps a message away by its key, among what has not ended, and among all: first who has not ended,
# then the youngest.
OTHER_ALIVE: Final = _OTHER.format(end="remove_at IS NULL")
OTHER: Final = _OTHER.format(end=_THERE)

# Whether an id is taken.
IS_KNOWN: Final = f"SELECT 1 FROM task WHERE id = :id AND app = :app AND {_THERE}"

# An end that no worker has brought. What an attempt before has left behind is no outcome of the task.
_CANCELLED: Final = """
UPDATE task
SET status = 'cancel', turn = NULL, due = NULL, finished_at = :now, remove_at = :remove_at,
    updated_at = :now, started_at = NULL, reason = :reason, error = NULL, result = NULL, cancel = NULL
"""

# A task that waits is cancelled.
CANCEL: Final = f"""{_CANCELLED}
WHERE id = :id AND app = :app AND role <> 1 AND remove_at IS NULL AND status <> 'process'
"""

# One in hand is to be. The first reason stays.
WISH: Final = """
UPDATE task SET cancel = coalesce(cancel, :reason), updated_at = :now
WHERE id = :id AND app = :app AND role <> 1 AND remove_at IS NULL AND status = 'process'
"""

# Whether there is a record that has ended.
IS_FINAL: Final = """
SELECT 1 FROM task WHERE id = :id AND app = :app AND role <> 1 AND remove_at > :now
"""

# The waiting tasks of a queue, through the indexes of what is ready, of what is delayed, and of records
# alone.
PURGE: Final = f"""{_CANCELLED}
WHERE seq IN (
    SELECT seq FROM (
        SELECT seq FROM task WHERE app = :app AND queue = :queue AND turn IS NOT NULL AND role = 2
        UNION ALL
        SELECT seq FROM task WHERE app = :app AND queue = :queue AND due IS NOT NULL AND role = 2
        UNION ALL
        SELECT seq FROM task
        WHERE app = :app AND queue = :queue AND role = 0 AND status IN ('new', 'delayed', 'retry'))
    LIMIT :limit)
RETURNING id
"""

# Mere queue entries of tasks that were cancelled: gone where they wait, told where they may be in hand,
# for which a record elsewhere may still take them.
DISCARD: Final = f"""
DELETE FROM task
WHERE app = :app AND id IN (SELECT value FROM json_each(:ids)) AND role = 1 AND NOT {MAY_BE_IN_HAND}
"""
WISH_ENTRIES: Final = f"""
UPDATE task SET cancel = coalesce(cancel, :reason)
WHERE app = :app AND id IN (SELECT value FROM json_each(:ids)) AND role = 1 AND {MAY_BE_IN_HAND}
"""

# Wishes that the end of their tasks has overtaken.
OVERTAKEN: Final = """
UPDATE task SET cancel = NULL WHERE app = ? AND cancel IS NOT NULL AND remove_at IS NOT NULL
"""

# What a worker holds and is to cancel.
SIGNALS: Final = """
SELECT id, epoch, attempt, delivery, cancel FROM task INDEXED BY task_wish
WHERE app = :app AND cancel IS NOT NULL AND status = 'process'
  AND holder = (SELECT id FROM holder WHERE app = :app AND worker = :worker)
"""

# What is in hand, and whether the lease on it has ended: then it is as good as ready, whoever sees to it.
_HELD: Final = f"""
SELECT queue, place, priority, seq, until IS NULL OR {ENDED} AS is_lost
FROM task LEFT JOIN holder ON holder.id = task.holder
WHERE task.app = :app AND task.holder IS NOT NULL
"""

# What the queues hold: indexes answer it, and of the tasks only those in hand are read.
QUEUES: Final = f"""
SELECT queue, sum(ready), sum(delayed), sum(running), min(oldest) FROM (
    SELECT queue, count(*) AS ready, 0 AS delayed, 0 AS running, min(turn) AS oldest FROM task
    WHERE app = :app AND turn IS NOT NULL GROUP BY queue
    UNION ALL
    SELECT queue, sum(due <= :now), sum(due > :now), 0, min(CASE WHEN due <= :now THEN due END) FROM task
    WHERE app = :app AND due IS NOT NULL AND role > 0 GROUP BY queue
    UNION ALL
    SELECT queue, sum(is_lost), 0, sum(NOT is_lost), min(CASE WHEN is_lost THEN place END)
    FROM ({_HELD}) GROUP BY queue)
GROUP BY queue ORDER BY queue
"""

# What is next in a queue, with what has become due or was lost and no worker has seen yet.
PEEK: Final = f"""
SELECT id FROM task JOIN (
    SELECT * FROM (
        SELECT seq AS row, priority AS rank, turn AS moment FROM task
        WHERE app = :app AND queue = :queue AND turn IS NOT NULL
        ORDER BY priority DESC, turn, seq LIMIT :limit)
    UNION ALL
    SELECT seq, priority, due FROM task WHERE app = :app AND due <= :now AND role > 0 AND queue = :queue
    UNION ALL
    SELECT seq, priority, place FROM ({_HELD}) WHERE is_lost AND queue = :queue)
ON seq = row
ORDER BY rank DESC, moment, seq LIMIT :limit
"""

# Records of final tasks, by id.
DELETE: Final = """
DELETE FROM task
WHERE app = :app AND id IN (SELECT value FROM json_each(:ids)) AND role <> 1 AND remove_at > :now
"""

# Everything final, a part of it; and whether it was still there for readers.
DELETE_FINISHED: Final = """
DELETE FROM task WHERE seq IN (
    SELECT seq FROM task WHERE app = :app AND remove_at IS NOT NULL AND seq <= :last LIMIT :limit)
RETURNING remove_at > :now
"""

# Dead letters. An index has all that is asked for here.
_DEAD: Final = """
task INDEXED BY task_dead WHERE app = :app AND status = 'dead' AND role <> 1 AND remove_at > :now
"""
DEAD: Final = f"SELECT queue, count(*) FROM {_DEAD} GROUP BY queue"
HOW_MANY_DEAD: Final = f"SELECT count(*) FROM {_DEAD}"
DELETE_OLDEST_DEAD: Final = f"""
DELETE FROM task WHERE seq IN (SELECT seq FROM {_DEAD} ORDER BY finished_at, seq LIMIT :limit)
"""

_FLUSH: Final = """
DELETE FROM task WHERE seq IN (SELECT seq FROM ({parts}) LIMIT :limit) RETURNING 1
"""


def _flush(role: str, *others: str) -> str:
    """Remove a part of what has such a role: every row is in one of these indexes."""
    places = (
        *others,
        *(f"{column} IS NOT NULL AND {role}" for column in ("turn", "due", "holder", "remove_at")),
    )
    parts = (f"SELECT seq FROM task WHERE app = :app AND {place} AND seq <= :last" for place in places)
    return _FLUSH.format(parts=" UNION ALL ".join(parts))


# All that a broker queues, and all that a storage keeps.
FLUSH_QUEUE: Final = _flush("role > 0")
FLUSH_RECORDS: Final = _flush("role = 2", "role = 0")

# The task that came last.
LAST: Final = "SELECT coalesce(max(seq), 0) FROM task"
