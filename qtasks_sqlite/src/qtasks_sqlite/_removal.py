"""Removing much, a part in each transaction: others want to write as well."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Final

from qtasks_sqlite import _admin_statements as admin
from qtasks_sqlite._link import Link
from qtasks_sqlite._url import Level
from qtasks_sqlite._work import News, Step

BATCH: Final = 5_000
"""So many rows go in one transaction."""

_PAUSE: Final = 0.02
"""Seconds between two: who waits for the lock looks again at least that often."""


async def remove(link: Link, statement: str) -> int:
    """Remove what the statement names and was there at the beginning; return how many of it count.

    What comes meanwhile stays, so that there is an end.
    """
    ((last,),) = await link.database.read(admin.LAST)
    values = {"app": link.app, "now": link.clock.now(), "last": last, "limit": BATCH}

    def part(connection: sqlite3.Connection) -> tuple[int, int]:
        removed = [bool(counts) for (counts,) in connection.execute(statement, values)]
        return len(removed), sum(removed)

    return await in_parts(link, link.level, part)


async def in_parts(link: Link, level: Level, part: Callable[[sqlite3.Connection], tuple[int, int]]) -> int:
    """Remove in one transaction after the other until one removes less than `BATCH`.

    Args:
        link: The file.
        level: How far each commit is forced.
        part: Removes up to `BATCH` rows; returns how many, and how many of them count.

    Returns:
        How many count, in all.
    """
    number = 0
    while True:
        removed, counted = await link.database.write(Step(part, level, News.FINAL))
        number += counted
        if removed < BATCH:
            return number
        await asyncio.sleep(_PAUSE)
