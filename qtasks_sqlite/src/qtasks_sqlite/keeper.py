"""The renewer of a worker's leases."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from qtasks.models import Token, WorkerInfo
from qtasks_sqlite import _statements as sql
from qtasks_sqlite._errors import translated
from qtasks_sqlite._holder import holder_row
from qtasks_sqlite._link import Link

_SHARE: Final = 4
"""A renewal waits for a lock at most this part of a lease: then there is time for another."""

_LONGEST_WAIT: Final = 10.0


class SQLiteKeeper:
    """Renews in blocking calls, on a connection of its own; made by `AsyncSQLiteBroker.keeper`.

    A lease belongs to the worker: one row is updated, however much it holds.
    """

    def __init__(self, link: Link, worker: WorkerInfo) -> None:
        self._path = link.location.path
        self._app = link.app
        self._clock_id = link.database.clock_id
        self._worker = worker
        self._config = link.config
        self._clock = link.clock
        self._holder: int | None = None
        timeout = min(self._config.lease / _SHARE, _LONGEST_WAIT)
        with translated(self._path):
            self._connection = sqlite3.connect(
                self._path, timeout=timeout, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA synchronous = NORMAL")

    def renew(self, held: Sequence[tuple[str, Token]]) -> Sequence[tuple[str, Token]]:
        """Renew the lease on all that is held; return those that belong to somebody else now.

        What the lease had lost and nobody has fetched since is the worker's own again.

        Raises:
            BackendUnavailable: Nothing could be renewed; try again soon.
        """
        with translated(self._path):
            boot = self._clock.boot()
            until = boot + self._config.lease
            if self._holder is not None:
                renewed = self._connection.execute(sql.RENEW, (boot, until, self._holder))
                if renewed.rowcount:
                    return []
            return self._begin_again(held)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _begin_again(self, held: Sequence[tuple[str, Token]]) -> list[tuple[str, Token]]:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            row = holder_row(self._app, self._worker, self._clock_id, self._clock.boot(), self._config.lease)
            (self._holder,) = connection.execute(sql.HOLD, row).fetchone()
            lost = [one for one in held if not self._keep(*one)]
            connection.execute("COMMIT")
        except BaseException:
            self._holder = None
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return lost

    def _keep(self, task_id: str, token: Token) -> bool:
        values = {
            "id": task_id,
            "app": self._app,
            "delivery": token.delivery,
            "holder": self._holder,
            "worker": self._worker.id,
            "now": self._clock.now(),
        }
        self._connection.execute(sql.ADOPT, values)
        youngest = self._connection.execute(sql.YOUNGEST, (task_id, self._app)).fetchone()
        return youngest is None or int(youngest[0]) <= token.delivery
