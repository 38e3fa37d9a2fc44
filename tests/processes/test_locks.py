"""Others who use the file: a lock on all of it, a reader that stays."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from processes.place import Place

PRODUCER = """
import asyncio, sys
from processes.shop import app, count
app.use_url(sys.argv[1])

async def send(name: str, first: int, last: int) -> None:
    for number in range(first, last):
        await count.add_task(f"{name}-{number}")

async def main() -> None:
    async with app:
        await asyncio.gather(*(send(sys.argv[2], n * 100, n * 100 + 100) for n in range(10)))

asyncio.run(main())
"""


@contextmanager
def _connection(place: Place) -> Iterator[sqlite3.Connection]:
    with closing(
        sqlite3.connect(place.path, isolation_level=None, check_same_thread=False, timeout=30)
    ) as one:
        yield one


async def test_everything_survives_a_locked_file(place: Place) -> None:
    """Two producers, two workers, and somebody who locks the file three times for a second."""
    workers = [await place.worker("--lease", 10) for _ in range(2)]
    names = ("left", "right")
    producers = [place.run([sys.executable, "-c", PRODUCER, place.url, name]) for name in names]

    with _connection(place) as other:
        for _ in range(3):
            await asyncio.to_thread(other.execute, "BEGIN EXCLUSIVE")
            locked = time.monotonic()
            while time.monotonic() < locked + 1.0:
                await asyncio.sleep(0.01)
            other.execute("COMMIT")
    assert [await producer.end(30) for producer in producers] == [0, 0]
    await place.drained(30)

    assert [producer.log for producer in producers] == ["", ""]
    assert place.runs() == {f"{name}-{number}": 1 for name in names for number in range(1000)}
    for worker in workers:
        worker.send(signal.SIGTERM)
        assert await worker.end() == 0
        assert "Traceback" not in worker.log
        assert "WARNING" not in worker.log


async def test_a_reader_that_stays_hinders_nobody(place: Place) -> None:
    """An open read transaction pins the log of the file; tasks go on, and a stop is in time."""
    worker = await place.worker("--grace", 1)
    await place.client.add_task("count", "before", timeout=30)
    with _connection(place) as reader:
        reader.execute("BEGIN")
        (seen,) = reader.execute("SELECT count(*) FROM task").fetchone()

        for number in range(50):
            await place.client.add_task("count", f"{number}", timeout=30)
        worker.send(signal.SIGTERM)
        assert await worker.end(1 + 15) == 0
        disconnecting = time.monotonic()
        await place.client.disconnect()

        assert time.monotonic() - disconnecting < 8
        assert reader.execute("SELECT count(*) FROM task").fetchone() == (seen,)
