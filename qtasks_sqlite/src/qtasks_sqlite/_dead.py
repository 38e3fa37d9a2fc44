"""Dead letters: how many each queue has, and removing the oldest ones."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING

from qtasks_sqlite import _admin_statements as sql
from qtasks_sqlite._removal import BATCH, PAUSE
from qtasks_sqlite._work import News, Step

if TYPE_CHECKING:
    from qtasks_sqlite._link import Link


async def by_queue(link: Link) -> dict[str, int]:
    """Return how many dead letters each queue has."""
    return dict(await link.database.read(sql.DEAD, {"app": link.app, "now": link.clock.now()}))


async def trim(link: Link, keep: int) -> int:
    """Remove those that ended first until so many are left, a part in each transaction; return how many."""
    values = {"app": link.app, "now": link.clock.now()}
    ((number,),) = await link.database.read(sql.HOW_MANY_DEAD, values)
    if number <= keep:
        return 0

    def run(connection: sqlite3.Connection) -> int:
        # Counted again with the lock in hand: others may be at it as well.
        ((number,),) = connection.execute(sql.HOW_MANY_DEAD, values).fetchall()
        limit = min(max(number - max(keep, 0), 0), BATCH)
        return connection.execute(sql.DELETE_OLDEST_DEAD, {**values, "limit": limit}).rowcount

    removed = 0
    while True:
        part = await link.database.write(Step(run, link.light_level, News.FINAL))
        removed += part
        if part < BATCH:
            return removed
        await asyncio.sleep(PAUSE)
