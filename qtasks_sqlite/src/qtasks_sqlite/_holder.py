"""Leases of workers: who holds what, and until when."""

from __future__ import annotations

import sqlite3

import msgspec

from qtasks.models import WorkerInfo
from qtasks.worker.identity import is_gone
from qtasks_sqlite import _statements as sql
from qtasks_sqlite._rows import Row


def holder_row(app: str, worker: WorkerInfo, clock_id: str, boot: float, lease: float) -> Row:
    """Return the values of the statement HOLD."""
    return (app, worker.id, clock_id, boot, boot + lease, msgspec.json.encode(worker).decode())


def take_over(connection: sqlite3.Connection, app: str, now: float) -> None:
    """Take from workers what they held, where their process provably exists no more."""
    for holder, info in connection.execute(sql.HOLDERS, (app,)).fetchall():
        if is_gone(msgspec.json.decode(info, type=WorkerInfo)):
            connection.execute(sql.RELEASE_ONE, (holder,))
    connection.execute(sql.RECOVER, {"app": app, "now": now})
