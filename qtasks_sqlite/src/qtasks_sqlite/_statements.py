# ruff: noqa: S608 - nothing from outside is put into a statement: the parts are constants of this module
"""The statements of the flow, on tasks and their holders, each with what it is for.

`role` is 0 for a record alone (another broker queues it), 1 for a queue entry alone (another storage
keeps the record), 2 for both in one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

HISTORY_LIMIT: Final = 100
"""Events that a record keeps, the last ones."""


def _with_event(end: str, at: str, more: str = "") -> str:
    """Return the history with one more line: token, end, moment, worker."""
    return f"""json_insert(
        CASE WHEN json_valid(history) IS NOT 1 THEN '[]'{more}
             WHEN json_array_length(history) >= {HISTORY_LIMIT} THEN json_remove(history, '$[0]')
             ELSE history END,
        '$[#]', json_array(epoch, attempt, delivery, {end}, {at}, worker))"""


# Where a delivery still has the last word: no younger one, no outcome yet, not final.
_FENCE: Final = """
    id = :id AND app = :app AND delivery = :delivery AND remove_at IS NULL AND settled IS NOT delivery
"""

# A message on its way in. A known id changes nothing, except that a mere queue entry gives way to a later
# epoch: its record has ended and was requeued before the entry heard of the end. Deliveries before the
# message have had their word, so that none of them takes it off again.
_INSERT: Final = """
INSERT INTO task (app, queue, priority, role, status, turn, place, due, updated_at, created_at, since,
                  expires_at, id, name, body, epoch, delivery, settled{column})
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?{value})
ON CONFLICT (id, app) DO UPDATE
SET queue = excluded.queue, priority = excluded.priority, status = excluded.status, holder = NULL,
    turn = excluded.turn, place = excluded.place, due = excluded.due, finished_at = NULL, remove_at = NULL,
    epoch = excluded.epoch, attempt = 1, delivery = max(delivery, excluded.delivery),
    settled = max(delivery, excluded.delivery), attempts = 0, losses = 0, turns = 0,
    updated_at = excluded.updated_at, created_at = excluded.created_at, since = excluded.since,
    expires_at = excluded.expires_at, started_at = NULL, name = excluded.name, worker = NULL,
    reason = NULL, history = NULL, error = NULL, result = NULL, body = excluded.body, cancel = NULL
WHERE role = 1 AND excluded.role = 1 AND (excluded.epoch, excluded.delivery) > (epoch, delivery)
"""
INSERT: Final = _INSERT.format(column="", value="")

# One with a unique key, which is the last value.
INSERT_UNIQUE: Final = _INSERT.format(column=", unique_key", value=", ?")

# Records whose time is over do not stand in the way of a new task with their id.
FORGET: Final = """
DELETE FROM task WHERE id = ? AND app = ? AND remove_at <= ?
"""

_CLAIMED: Final = """
UPDATE task
SET holder = :holder, turn = NULL, status = 'process', attempt = attempts + 1,
    delivery = delivery + 1, worker = :worker, updated_at = :now
WHERE seq IN ({ready}) AND EXISTS (SELECT 1 FROM holder WHERE id = :holder)
RETURNING priority, place, seq, id, name, queue, body, epoch, attempt, delivery, created_at, since,
          expires_at, losses, turns, cancel
"""

_READY: Final = """
SELECT {columns} FROM task
WHERE app = :app AND queue = :queue{rank} AND turn IS NOT NULL
ORDER BY priority DESC, turn, seq LIMIT :limit
"""


@lru_cache(maxsize=128)
def claim(*sizes: int) -> str:
    """Lease the first ready tasks of tiers of so many queues to a holder that still exists.

    The queues are numbered through all tiers. Only as many as are wanted are looked at in each queue, in
    the order of the index.
    """
    tiers = [tier for tier, size in enumerate(sizes) for _ in range(size)]
    if not tiers:
        return _CLAIMED.format(ready="SELECT seq FROM task WHERE false")
    if len(tiers) == 1:
        return _CLAIMED.format(ready=_READY.format(columns="seq", rank="0"))
    columns = "{} AS tier, priority, {} AS rank, turn, seq"
    parts = (
        f"SELECT * FROM ({_READY.format(columns=columns.format(tier, rank), rank=rank)})"
        for rank, tier in enumerate(tiers)
    )
    ready = f"""
    SELECT seq FROM ({" UNION ALL ".join(parts)})
    ORDER BY tier, priority DESC, rank, turn, seq LIMIT :limit
    """
    return _CLAIMED.format(ready=ready)


# The outcome of a delivery that ends the task. A mere queue entry is removed at the next expiry.
# The busiest statement of all: positions are bound faster than names.
FINISH: Final = """
UPDATE task
SET status = ?, holder = NULL, turn = NULL, due = NULL, finished_at = ?,
    remove_at = CASE role WHEN 1 THEN 0 ELSE ? END, settled = delivery, attempts = attempts + ?,
    updated_at = ?, started_at = ?, reason = ?, error = ?, result = ?
WHERE id = ? AND app = ? AND delivery = ? AND remove_at IS NULL AND settled IS NOT delivery
"""

# The outcome of a delivery after which the task waits for its next attempt.
RETRY: Final = f"""
UPDATE task
SET status = 'retry', holder = NULL, turn = CASE WHEN role > 0 THEN :turn END, place = :turn, due = :due,
    settled = delivery, attempts = attempts + 1, losses = 0, updated_at = :now,
    started_at = :started_at, reason = :reason, error = :error, result = :result,
    history = {_with_event("'retry'", ":now")}
WHERE {_FENCE}
"""

# Whose outcome the records have: asked only where the fence has refused one of a batch.
SETTLED: Final = """
SELECT id, epoch, settled FROM task WHERE app = ? AND id IN (SELECT value FROM json_each(?))
"""

# One of a kind that folds takes the place of a last line of its kind.
_FOLDED: Final = """
             WHEN :folds AND json_extract(history, '$[#-1][3]') IS :end THEN json_remove(history, '$[#-1]')"""

# A delivery that comes back without an outcome. Without a delay it keeps its turn.
GIVE_BACK: Final = f"""
UPDATE task
SET status = :status, holder = NULL, turn = CASE WHEN role > 0 AND :due IS NULL THEN place END, due = :due,
    turns = turns + :turn, losses = losses + :loss, updated_at = :now,
    history = {_with_event(":end", ":now", _FOLDED)}
WHERE {_FENCE} AND status = 'process'
"""

# Tasks whose moment has come.
PROMOTE: Final = """
UPDATE task
SET turn = due, place = due, since = coalesce(since, due), due = NULL, updated_at = :now,
    status = CASE status WHEN 'delayed' THEN 'new' ELSE status END
WHERE seq IN (SELECT seq FROM task WHERE app = :app AND due <= :now AND role > 0 ORDER BY due LIMIT :limit)
"""

# Records whose time is over.
EXPIRE: Final = """
DELETE FROM task WHERE seq IN (
    SELECT seq FROM task
    WHERE app = ? AND status IN ('success', 'error', 'cancel', 'dead') AND remove_at <= ?
    LIMIT ?)
"""

# Begin or prolong the lease of a worker. What was prolonged meanwhile by the clock of now stays.
HOLD: Final = """
INSERT INTO holder (app, worker, clock, renewed, until, info) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (app, worker) DO UPDATE
SET clock = excluded.clock,
    renewed = CASE clock WHEN excluded.clock THEN max(renewed, excluded.renewed) ELSE excluded.renewed END,
    until = CASE clock WHEN excluded.clock THEN max(until, excluded.until) ELSE excluded.until END
RETURNING id
"""

# Prolong a lease that has not been taken away.
RENEW: Final = "UPDATE holder SET renewed = max(renewed, ?), until = max(until, ?) WHERE id = ?"

# A lease has ended when its moment is over, or when its clock is that of an earlier boot.
ENDED: Final = """
(until <= :boot OR renewed > :boot + 1 OR (clock <> :clock AND clock <> '' AND :clock <> ''))
"""

# The holders whose lease has ended.
RELEASE: Final = f"DELETE FROM holder WHERE app = :app AND {ENDED}"

# One holder, whose process is gone.
RELEASE_ONE: Final = "DELETE FROM holder WHERE id = ?"

# All holders of an app, to see which are gone.
HOLDERS: Final = "SELECT id, info FROM holder WHERE app = ?"

# What nobody holds any more is ready again. The token stays: until the next claim a late outcome counts.
RECOVER: Final = f"""
UPDATE task
SET holder = NULL, status = 'new', turn = place, losses = losses + 1, updated_at = :now,
    history = {_with_event("'lost'", ":now")}
WHERE app = :app AND holder IS NOT NULL AND holder NOT IN (SELECT id FROM holder)
"""

# Ready again because the lease of its last delivery has ended. Never NULL, so that it may be negated.
JUST_LOST: Final = """
(turn IS NOT NULL AND CASE WHEN json_valid(history)
     THEN json_extract(history, '$[#-1][2]') IS delivery AND json_extract(history, '$[#-1][3]') IS 'lost'
     ELSE 0 END)
"""

# In hand, or lost and not fetched again: whoever has it may still say something of it, and be told.
MAY_BE_IN_HAND: Final = f"(status = 'process' OR {JUST_LOST})"

# A delivery whose lease had ended, and that nobody has fetched since, is its worker's own again: it was
# not lost after all.
ADOPT: Final = f"""
UPDATE task
SET holder = :holder, turn = NULL, status = 'process', updated_at = :now, losses = losses - 1,
    history = json_remove(history, '$[#-1]')
WHERE {_FENCE} AND worker = :worker AND {JUST_LOST}
"""

# The youngest delivery of a task, and whether it was ended by somebody else than that delivery.
YOUNGEST: Final = """
SELECT delivery, remove_at IS NOT NULL AND settled IS NOT delivery FROM task WHERE id = ? AND app = ?
"""

# What an idle consumer sleeps until: the next due task, the next end of a lease; and whether its own
# lease still stands.
MOMENTS: Final = f"""
SELECT (SELECT min(due) FROM task WHERE app = :app AND due IS NOT NULL AND role > 0),
       (SELECT min(CASE WHEN {ENDED} THEN 0 ELSE until END) FROM holder WHERE app = :app),
       EXISTS (SELECT 1 FROM holder WHERE id = :holder)
"""

# What a new epoch is opened for. The moment of expiry was that of the epoch before. Deliveries before it
# have had their word, also one that was lost before the task was cancelled.
REQUEUE: Final = f"""
UPDATE task
SET status = 'new', turn = CASE WHEN role > 0 THEN :now END, place = :now, due = NULL, finished_at = NULL,
    remove_at = NULL, epoch = epoch + 1, attempt = 1, attempts = 0, losses = 0, turns = 0,
    updated_at = :now, since = :now, expires_at = NULL, started_at = NULL, worker = NULL, reason = NULL,
    error = NULL, result = NULL, history = {_with_event("'requeued'", ":now")}, cancel = NULL,
    settled = delivery
WHERE app = :app AND id IN (SELECT value FROM json_each(:ids)) AND remove_at > :now
RETURNING id, name, queue, priority, body, created_at, epoch, delivery
"""

# What decides whether a delivery of another broker may begin.
BEFORE_BEGIN: Final = """
SELECT id, status, attempts, epoch, attempt, delivery FROM task
WHERE app = ? AND id IN (SELECT value FROM json_each(?))
"""

# A delivery of another broker has begun.
BEGIN: Final = """
UPDATE task
SET status = 'process', due = NULL, epoch = :epoch, attempt = :attempt, delivery = :delivery,
    settled = NULL, losses = :losses, turns = :turns, worker = :worker, updated_at = :now
WHERE id = :id AND app = :app
"""

# The one before it ended with nothing.
LOSE: Final = f"""
UPDATE task SET updated_at = :now, history = {_with_event("'lost'", ":now")}
WHERE id = :id AND app = :app AND status = 'process'
"""

RECORD: Final = """
id, name, queue, priority, status, body, created_at, updated_at, due, expires_at, started_at,
finished_at, epoch, attempt, delivery, attempts, losses, turns, worker, result, error, reason, history,
cancel, unique_key, progress, note
"""

# What a record is read from.
RECORDS: Final = "task LEFT JOIN said ON said.task = task.seq"

# Records by id.
GET: Final = f"""
SELECT {RECORD} FROM {RECORDS}
WHERE app = ? AND id IN (SELECT value FROM json_each(?)) AND (remove_at IS NULL OR remove_at > ?)
"""

# The statuses of many tasks.
STATUSES: Final = """
SELECT id, status, due FROM task
WHERE app = ? AND id IN (SELECT value FROM json_each(?)) AND (remove_at IS NULL OR remove_at > ?)
"""

# How many records there are by status: indexes alone answer it.
COUNTS: Final = """
SELECT 'ready', count(*) FROM task WHERE app = :app AND turn IS NOT NULL
UNION ALL
SELECT 'again', count(*) FROM task WHERE app = :app AND status = 'retry' AND turn IS NOT NULL
UNION ALL
SELECT 'process', count(*) FROM task WHERE app = :app AND holder IS NOT NULL
UNION ALL
SELECT * FROM (SELECT CASE WHEN status = 'delayed' AND due <= :now THEN 'new' ELSE status END AS known,
                      count(*)
               FROM task
               WHERE app = :app AND due IS NOT NULL AND (role > 0 OR status = 'delayed') GROUP BY known)
UNION ALL
SELECT * FROM (SELECT status, count(*) FROM task
               WHERE app = :app AND role = 0 AND status IN ('new', 'process', 'retry')
               GROUP BY status)
UNION ALL
SELECT * FROM (SELECT status, count(*) FROM task
               WHERE app = :app AND remove_at > :now
               GROUP BY status)
"""
