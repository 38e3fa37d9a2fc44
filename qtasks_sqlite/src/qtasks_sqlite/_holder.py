"""Leases of workers: who holds what, and until when."""

from __future__ import annotations

import sqlite3

import msgspec

from qtasks.models import WorkerInfo
from qtasks.worker.identity import is_gone
from qtasks_sqlite import _statements as sql
from qtasks_sqlite._link import Link


class Lease:
    """The lease of one worker, which its consumer and its keeper prolong, each in its own thread."""

    def __init__(self, link: Link, worker: WorkerInfo) -> None:
        self._app = link.app
        self._worker = worker.id
        self._info = msgspec.json.encode(worker).decode()
        self._config = link.config
        self._clock = link.clock
        self._database = link.database
        self.clock_id = link.database.clock_id

    @property
    def seconds(self) -> float:
        """How long it lasts without a renewal."""
        return self._config.lease

    def boot(self) -> float:
        """Return the time on the clock of leases."""
        return self._database.boot(self._clock)

    def hold(self, connection: sqlite3.Connection) -> tuple[int, float]:
        """Begin or prolong it, and return the id of the holder and the moment.

        Called with the lock in hand: the time that somebody has waited for it is no part of the lease.
        """
        boot = self.boot()
        row = (self._app, self._worker, self.clock_id, boot, boot + self.seconds, self._info)
        (holder,) = connection.execute(sql.HOLD, row).fetchone()
        return int(holder), boot

    def renew(self, connection: sqlite3.Connection, holder: int) -> bool:
        """Prolong it in one statement; False where it has been taken away."""
        boot = self.boot()
        return connection.execute(sql.RENEW, (boot, boot + self.seconds, holder)).rowcount > 0


def take_over(connection: sqlite3.Connection, app: str, now: float) -> None:
    """Take from workers what they held, where their process provably exists no more."""
    for holder, info in connection.execute(sql.HOLDERS, (app,)).fetchall():
        worker = worker_info(info)
        if worker is not None and is_gone(worker):
            connection.execute(sql.RELEASE_ONE, (holder,))
    connection.execute(sql.RECOVER, {"app": app, "now": now})


def worker_info(text: str) -> WorkerInfo | None:
    """Return what a row says of a worker; None where it is damaged, which proves nothing of the worker."""
    try:
        return msgspec.json.decode(text, type=WorkerInfo)
    except msgspec.MsgspecError:
        return None
