"""A program that has used an app ends by itself."""

from __future__ import annotations

import sys
import time

import pytest
from processes.place import Place

from qtasks.status import TaskStatus

ALLOWED = 15.0
"""Seconds from its last line to the end of a program."""

START = """
import asyncio, os, sys, threading, time
from qtasks{face} import QueueTasks
app = QueueTasks("shop", broker_url=sys.argv[1], plugins=False)

@app.task
{async_}def add(a: int, b: int) -> int:
    return a + b

def last_line() -> None:
    os.write(1, f"{{time.monotonic()}}\\n".encode())
"""
FIRST_CALL_AFTER_THE_MAIN_THREAD = "blocking in a thread that outlives the main one"
ASYNC = START.format(face=".asyncio", async_="async ")
SYNC = START.format(face="", async_="")

PROGRAMS = {
    "async without a context": (
        ASYNC
        + """
async def main() -> None:
    await add.add_task(1, 2)
    last_line()
asyncio.run(main())
""",
        1,
        0,
    ),
    "async with": (
        ASYNC
        + """
async def main() -> None:
    async with app:
        await add.add_task(1, 2)
    last_line()
asyncio.run(main())
""",
        1,
        0,
    ),
    "an exception in between": (
        ASYNC
        + """
async def main() -> None:
    async with app:
        await add.add_task(1, 2)
        last_line()
        raise RuntimeError("boom")
asyncio.run(main())
""",
        1,
        1,
    ),
    "blocking": (
        SYNC
        + """
add.add_task(1, 2)
last_line()
""",
        1,
        0,
    ),
    "blocking, an exception in between": (
        SYNC
        + """
add.add_task(1, 2)
last_line()
raise RuntimeError("boom")
""",
        1,
        1,
    ),
    FIRST_CALL_AFTER_THE_MAIN_THREAD: (
        SYNC
        + """
def produce() -> None:
    threading.main_thread().join()
    for _ in range(20):
        add.add_task(1, 2)
        time.sleep(0.01)
    last_line()
threading.Thread(target=produce).start()
""",
        20,
        0,
    ),
    "blocking in a thread that had begun before": (
        SYNC
        + """
def produce() -> None:
    for number in range(20):
        add.add_task(1, 2)
        begun.set()
        time.sleep(0.01)
    last_line()
begun = threading.Event()
threading.Thread(target=produce).start()
begun.wait()
""",
        20,
        0,
    ),
    "a worker inside that nobody stops": (
        ASYNC
        + """
app.log.setLevel("ERROR")  # it may warn of what it could not tidy up
async def main() -> None:
    work = asyncio.create_task(app.run())
    assert await (await add.add_task(1, 2)).result(30) == 3
    last_line()
asyncio.run(main())
""",
        1,
        0,
    ),
    "a worker inside that is stopped": (
        ASYNC
        + """
async def main() -> None:
    work = asyncio.create_task(app.run())
    assert await (await add.add_task(1, 2)).result(30) == 3
    await app.stop()
    await work
    last_line()
asyncio.run(main())
""",
        1,
        0,
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_program_ends_by_itself(place: Place, name: str) -> None:
    """Closed or not, it ends at once after its last line, without a word, and its tasks are kept."""
    if name == FIRST_CALL_AFTER_THE_MAIN_THREAD and sys.version_info[:2] == (3, 12):
        pytest.skip("Python 3.12 starts no thread once the main one has ended, and a connection needs one")
    program, tasks, code = PROGRAMS[name]
    process = place.run([sys.executable, "-W", "error", "-c", program, place.url])

    assert await process.end(30) == code, process.log
    ended = time.monotonic()

    last, *rest = process.log.splitlines()
    assert ended - float(last) < ALLOWED
    assert rest.count("Traceback (most recent call last):") == code
    assert rest[-1:] == ["RuntimeError: boom"] * code
    counts = await place.client.counts()
    assert counts.total == tasks
    assert counts[TaskStatus.PROCESS] == 0
