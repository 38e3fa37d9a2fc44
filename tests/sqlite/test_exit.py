"""A program ends by itself, whatever it has left open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

PREPARE = """
import asyncio, os, sys, threading, warnings
url, mode = sys.argv[1:]
"""

ASYNC = (
    PREPARE
    + """
from qtasks.asyncio import QueueTasks
app = QueueTasks("shop", broker_url=url)

@app.task
async def add(a: int, b: int) -> int:
    return a + b

async def main() -> None:
    if mode == "close":
        async with app:
            await add.add_task(1, 2)
        return
    await add.add_task(1, 2)
    if mode == "fail":
        raise RuntimeError("boom")
    if mode == "wait":
        await add.add_task(1, 2, timeout=0.1)

asyncio.run(main())
"""
)

SYNC = (
    PREPARE
    + """
from qtasks import QueueTasks
app = QueueTasks("shop", broker_url=url)

@app.task
def add(a: int, b: int) -> int:
    return a + b

add.add_task(1, 2)
if mode == "fail":
    raise RuntimeError("boom")
"""
)

THREAD = (
    PREPARE
    + """
from qtasks.asyncio import QueueTasks
app = QueueTasks("shop", broker_url=url)

@app.task
async def add(a: int, b: int) -> int:
    return a + b

begun = threading.Event()

async def main() -> None:
    await add.add_task(1, 2)
    begun.set()
    threading.main_thread().join()  # the main thread has nothing more to do
    for _ in range(20):
        await asyncio.sleep(0.01)
        await add.add_task(1, 2)
    print("still works")

threading.Thread(target=lambda: asyncio.run(main())).start()
begun.wait()  # Python 3.12 starts no thread once the main one has ended, and a connection has one
"""
)

UNCLOSED_LOOP = (
    PREPARE
    + """
from qtasks_sqlite import AsyncSQLiteBroker
from qtasks.testing.setup import TestSetup
broker = AsyncSQLiteBroker(url)
loop = asyncio.new_event_loop()
loop.run_until_complete(broker.start(TestSetup()))
loop.run_until_complete(broker.flush())
"""
)


def _run(script: Callable[..., Any], code: str, url: str, mode: str = "") -> tuple[int, str, str]:
    process = script(code, url, mode)
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


@pytest.mark.parametrize("mode", ["", "close"])
@pytest.mark.parametrize("code", [ASYNC, SYNC], ids=["async", "sync"])
def test_program_ends_by_itself(script: Any, url: str, ask: Any, code: str, mode: str) -> None:
    """A producer ends at once with code 0, closed or not, without a word, and its task is kept."""
    code_, _, err = _run(script, code, url, mode)

    assert (code_, err) == (0, "")
    assert ask("SELECT count(*) FROM task") == [(1,)]


@pytest.mark.parametrize("code", [ASYNC, SYNC], ids=["async", "sync"])
def test_program_that_fails_ends_by_itself(script: Any, url: str, ask: Any, code: str) -> None:
    """After an exception it ends at once too, with code 1 and that traceback alone."""
    code_, _, err = _run(script, code, url, "fail")

    assert code_ == 1
    assert err.startswith("Traceback")
    assert err.rstrip().endswith("RuntimeError: boom")
    assert err.count("Traceback") == 1
    assert ask("SELECT count(*) FROM task") == [(1,)]


def test_program_that_gives_up_waiting_ends_by_itself(script: Any, url: str) -> None:
    """A time-out of a wait leaves nothing that keeps the program alive."""
    code, _, err = _run(script, ASYNC, url, "wait")

    assert code == 1
    assert "ResultTimeout" in err


def test_thread_that_outlives_the_main_thread_keeps_its_connections(script: Any, url: str, ask: Any) -> None:
    """What works on in a thread of its own is not cut off by the end of the main thread."""
    code, out, err = _run(script, THREAD, url)

    assert (code, out, err) == (0, "still works\n", "")
    assert ask("SELECT count(*) FROM task") == [(21,)]


def test_loop_that_was_never_closed_does_not_keep_the_program(script: Any, url: str) -> None:
    """Even connections of a loop that just stopped end with the main thread."""
    code, _, _ = _run(script, UNCLOSED_LOOP, url)

    assert code == 0
