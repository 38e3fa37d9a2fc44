"""Limits that all workers share: permits of a concurrency, and the pace of starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from qtasks.models import Answer, Ask
from qtasks_sqlite._rows import Named, ids_text
from qtasks_sqlite._work import Step

if TYPE_CHECKING:
    import sqlite3

    from qtasks_sqlite._link import Link

# A task that another worker asks for has left the one before.
_LEFT: Final = "DELETE FROM permit WHERE app = :app AND task = :task AND worker <> :worker"
# Valid permits, and whether the task has one.
_TAKEN: Final = """
SELECT count(*), total(task = :task)
FROM permit JOIN registry ON registry.app = permit.app AND registry.id = permit.worker
WHERE permit.app = :app AND key = :key AND until > :boot
  AND (clock = :clock OR clock = '' OR :clock = '')
"""
_PERMIT: Final = """
INSERT INTO permit (app, key, task, worker) VALUES (:app, :key, :task, :worker)
ON CONFLICT (app, key, task) DO UPDATE SET worker = excluded.worker
"""
_NEXT: Final = "SELECT next FROM pace WHERE app = :app AND key = :key"
_PACE: Final = """
INSERT INTO pace (app, key, next) VALUES (:app, :key, :next)
ON CONFLICT (app, key) DO UPDATE SET next = excluded.next
"""
_RELEASE: Final = """
DELETE FROM permit WHERE app = ? AND worker = ? AND task IN (SELECT value FROM json_each(?))
"""

SET_BACK: Final = 60.0
"""A moment that is so many seconds further ahead than starts are reserved: the clock was set back."""

TIDY: Final = (
    """
    DELETE FROM permit
    WHERE app = :app AND worker NOT IN (SELECT id FROM registry WHERE app = :app)
    """,
    "DELETE FROM pace WHERE app = :app AND next <= :now",
)
"""Remove permits of workers that are not in the registry any more, and moments that hold nobody back."""

FLUSH: Final = ("DELETE FROM permit WHERE app = ?", "DELETE FROM pace WHERE app = ?")
"""Remove all limits of an app."""


async def flush(link: Link) -> None:
    """Remove all limits of the app."""
    values = (link.app,)

    def run(connection: sqlite3.Connection) -> None:
        for statement in FLUSH:
            connection.execute(statement, values)

    await link.database.write(Step(run, link.level))


@dataclass(frozen=True, slots=True)
class Door:
    """Grants and refuses for one app at one moment.

    Args:
        app: Name of the app.
        clock: Identity of the clock that announcements are measured on.
        boot: The time on it.
        now: The wall clock.
        patience: A start that comes at most so many seconds from now is reserved.
    """

    app: str
    clock: str
    boot: float
    now: float
    patience: float

    def admit(self, connection: sqlite3.Connection, asks: Sequence[Ask]) -> list[Answer]:
        """Answer each, in their order; what is refused takes nothing."""
        return [self._admit(connection, ask) for ask in asks]

    def _admit(self, connection: sqlite3.Connection, ask: Ask) -> Answer:
        values = {
            "app": self.app,
            "key": ask.key,
            "task": ask.task_id,
            "worker": ask.worker,
            "clock": self.clock,
            "boot": self.boot,
        }
        connection.execute(_LEFT, values)
        if ask.concurrency is not None and self._is_full(connection, ask.concurrency, values):
            return Answer(granted=False)
        wait = 0.0
        if ask.interval is not None:
            wait = self._wait(connection, ask.interval, values)
            if wait > self.patience:
                return Answer(granted=False, wait=wait)
            connection.execute(_PACE, values | {"next": self.now + wait + ask.interval})
        if ask.concurrency is not None:
            connection.execute(_PERMIT, values)
        return Answer(granted=True, wait=wait)

    @staticmethod
    def _is_full(connection: sqlite3.Connection, concurrency: int, values: Named) -> bool:
        taken, has_own = connection.execute(_TAKEN, values).fetchone()
        return bool(taken >= concurrency and not has_own)

    def _wait(self, connection: sqlite3.Connection, interval: float, values: Named) -> float:
        found = connection.execute(_NEXT, values).fetchone()
        wait = 0.0 if found is None else max(found[0] - self.now, 0.0)
        return 0.0 if wait > self.patience + interval + SET_BACK else wait


def release(connection: sqlite3.Connection, app: str, worker: str, task_ids: Sequence[str]) -> None:
    """Give the permits of a worker for these tasks back."""
    connection.execute(_RELEASE, (app, worker, ids_text(task_ids)))
