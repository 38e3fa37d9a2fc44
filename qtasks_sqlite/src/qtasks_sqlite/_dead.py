"""Dead letters: how many each queue has, and removing the oldest ones."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from qtasks_sqlite import _admin_statements as sql
from qtasks_sqlite import _removal

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

    def part(connection: sqlite3.Connection) -> tuple[int, int]:
        # Counted again with the lock in hand: others may be at it as well.
        ((number,),) = connection.execute(sql.HOW_MANY_DEAD, values).fetchall()
        limit = min(max(number - max(keep, 0), 0), _removal.BATCH)
        removed = connection.execute(sql.DELETE_OLDEST_DEAD, {**values, "limit": limit}).rowcount
        return removed, removed

    return await _removal.in_parts(link, link.light_level, part)
