"""Removing much, a part in each transaction: others want to write as well."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Final

from qtasks_sqlite import _admin_statements as admin
from qtasks_sqlite._link import Link
from qtasks_sqlite._work import News, Step

BATCH: Final = 5_000
"""So many rows go in one transaction."""

PAUSE: Final = 0.02
"""Seconds between two: who waits for the lock looks again at least that often."""


async def remove(link: Link, statement: str) -> int:
    """Remove what the statement names and was there at the beginning; return how many of it count.

    What comes meanwhile stays, so that there is an end.
    """
    database = link.database
    ((last,),) = await database.read(admin.LAST)
    values = {"app": link.app, "now": link.clock.now(), "last": last, "limit": BATCH}

    def run(connection: sqlite3.Connection) -> list[bool]:
        return [bool(counts) for (counts,) in connection.execute(statement, values)]

    number = 0
    while True:
        removed = await database.write(Step(run, link.level, News.FINAL))
        number += sum(removed)
        if len(removed) < BATCH:
            return number
        await asyncio.sleep(PAUSE)
