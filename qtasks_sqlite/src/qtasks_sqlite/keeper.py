"""The renewer of a worker's leases."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from qtasks.models import Token, WorkerInfo
from qtasks_sqlite import _statements as sql
from qtasks_sqlite._errors import translated
from qtasks_sqlite._holder import Lease
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
        self._worker = worker
        self._clock = link.clock
        self._lease = Lease(link, worker)
        self._holder: int | None = None
        timeout = min(self._lease.seconds / _SHARE, _LONGEST_WAIT)
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
            if self._holder is not None and self._lease.renew(self._connection, self._holder):
                return []
            return self._begin_again(held)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _begin_again(self, held: Sequence[tuple[str, Token]]) -> list[tuple[str, Token]]:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._holder, _ = self._lease.hold(connection)
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
        row = self._connection.execute(sql.YOUNGEST, (task_id, self._app)).fetchone()
        return row is None or (row[0] <= token.delivery and not row[1])
