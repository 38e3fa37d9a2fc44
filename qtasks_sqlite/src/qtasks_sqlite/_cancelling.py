"""Ends that no worker brings: cancelled, purged, taken off the queue."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence

from qtasks.models import Cancel, Cancelled
from qtasks_sqlite import _admin_statements as sql
from qtasks_sqlite._rows import Named, ids_text
from qtasks_sqlite._work import News

_NEWS = {Cancelled.ENDED: News.FINAL, Cancelled.ASKED: News.SIGNAL}


def cancel(connection: sqlite3.Connection, app: str, wishes: Sequence[Cancel], now: float) -> list[Cancelled]:
    """End what waits, note the wish on what is in hand, and say which it was."""
    return [
        _cancel_one(connection, _values(app, now, wish.reason, wish.remove_at) | {"id": wish.id})
        for wish in wishes
    ]


def _cancel_one(connection: sqlite3.Connection, values: Named) -> Cancelled:
    if connection.execute(sql.CANCEL, values).rowcount:
        return Cancelled.ENDED
    if connection.execute(sql.WISH, values).rowcount:
        return Cancelled.ASKED
    if connection.execute(sql.IS_FINAL, values).fetchone() is not None:
        return Cancelled.FINAL
    return Cancelled.UNKNOWN


def news_of(answers: Sequence[Cancelled]) -> News:
    """Return what is to be told of these."""
    news = News.NONE
    for answer in answers:
        news |= _NEWS.get(answer, News.NONE)
    return news


def purge(
    connection: sqlite3.Connection,
    app: str,
    now: float,
    queue: str,
    reason: str,
    remove_at: float | None,
    limit: int,
) -> list[str]:
    """End up to so many waiting tasks of a queue, and return their ids."""
    values = _values(app, now, reason, remove_at) | {"queue": queue, "limit": max(limit, 0)}
    return [task_id for (task_id,) in connection.execute(sql.PURGE, values)]


def discard(connection: sqlite3.Connection, app: str, ids: Sequence[str], reason: str) -> bool:
    """Drop mere queue entries that wait; note the wish on those in hand, and say whether there were any."""
    values = {"app": app, "ids": ids_text(ids), "reason": reason}
    connection.execute(sql.DISCARD, values)
    return connection.execute(sql.WISH_ENTRIES, values).rowcount > 0


def _values(app: str, now: float, reason: str, remove_at: float | None) -> Named:
    return {
        "app": app,
        "now": now,
        "reason": reason,
        "remove_at": math.inf if remove_at is None else remove_at,
    }
