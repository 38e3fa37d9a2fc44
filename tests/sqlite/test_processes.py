"""Several processes on one file."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conformance.seldom import SELDOM, look_seldom

from qtasks.testing.conformance import World
from qtasks_sqlite import AsyncSQLiteBroker

WORKER = """
import asyncio, sys, time
from qtasks.clock import SYSTEM_CLOCK
from qtasks.models import Outcome
from qtasks.status import TaskStatus
from qtasks.testing.setup import TestSetup
from qtasks.worker.identity import this_worker
from qtasks_sqlite import AsyncSQLiteBroker

async def main() -> None:
    broker = AsyncSQLiteBroker(sys.argv[1])
    await broker.start(TestSetup("kit", clock=SYSTEM_CLOCK))
    consumer = await broker.open_consumer(this_worker(["default"], 20, time.time()), ["default"])
    print("ready", flush=True)
    sys.stdin.readline()
    while True:
        batch = await consumer.fetch(20)
        now = time.time()
        settled = await broker.settle([Outcome(d.id, d.token, TaskStatus.SUCCESS, now, now) for d in batch])
        print(*(f"{d.id} {s}" for d, s in zip(batch, settled) if d.task != "stop"), sep="\\n", flush=True)
        if any(d.task == "stop" for d in batch):
            break
    await broker.stop()

asyncio.run(main())
"""

PRODUCER = """
import asyncio, sys, time
from qtasks.clock import SYSTEM_CLOCK
from qtasks.ids import new_id
from qtasks.models import Message
from qtasks.testing.setup import TestSetup
from qtasks_sqlite import AsyncSQLiteBroker

async def main() -> None:
    broker = AsyncSQLiteBroker(sys.argv[1])
    await broker.start(TestSetup("kit", clock=SYSTEM_CLOCK))
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(int(sys.argv[2]) // 10):
        await broker.publish([Message(new_id(), "add", "default", 0, b"", time.time()) for _ in range(10)])
    await broker.stop()

asyncio.run(main())
"""

FORK = """
import asyncio, gc, os, sys
from qtasks.testing.conformance import World
from qtasks_sqlite import AsyncSQLiteBroker

async def make():
    return AsyncSQLiteBroker(sys.argv[1])

async def child():
    world = World(make)
    process = await world.process()
    await process.publish(*world.messages(5))  # and leaves all open

loop = asyncio.new_event_loop()
world = World(make)
process = loop.run_until_complete(world.process())
loop.run_until_complete(process.publish(world.message()))
pid = os.fork()
if pid == 0:
    del loop, world, process
    gc.collect()
    asyncio.new_event_loop().run_until_complete(child())
    sys.exit(0)  # with everything that an interpreter does at its end
_, status = os.waitpid(pid, 0)
assert status == 0, status
loop.run_until_complete(process.publish(world.message()))
print(loop.run_until_complete(process.storage.counts()).total)
loop.run_until_complete(world.close())
loop.close()
"""


async def _gather(processes: list[Any]) -> list[list[str]]:
    results = await asyncio.gather(*(asyncio.to_thread(p.communicate, "go\n", 50) for p in processes))
    for process, (_, err) in zip(processes, results, strict=True):
        assert (process.returncode, err) == (0, "")
    return [[line for line in out.splitlines() if line] for out, _ in results]


async def _ready(processes: list[Any]) -> None:
    for process in processes:
        assert await asyncio.to_thread(process.stdout.readline) == "ready\n"


async def _hold_locks(path: Path, stop: asyncio.Event) -> None:
    """Hold the lock of the file for a while, again and again."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)) as other:
        while not stop.is_set():
            await asyncio.to_thread(other.execute, "BEGIN EXCLUSIVE")
            await asyncio.sleep(0.7)
            other.execute("COMMIT")
            await asyncio.sleep(0.2)


@pytest.mark.timeout(120)
async def test_each_task_runs_once(world: World, path: Path, url: str, script: Any) -> None:
    """Three workers, two producers, and somebody who locks the file: every task is settled once."""
    process = await world.process()
    workers = [script(WORKER, url) for _ in range(3)]
    producers = [script(PRODUCER, url, 600) for _ in range(2)]
    await _ready([*workers, *producers])
    stop = asyncio.Event()
    locking = asyncio.ensure_future(_hold_locks(path, stop))
    working = asyncio.ensure_future(_gather(workers))

    await _gather(producers)
    while (await process.storage.counts()).by_status.keys() - {"success"}:
        await asyncio.sleep(0.05)
    stop.set()
    await locking
    for _ in workers:
        await process.publish(world.message(task="stop"))
        await asyncio.sleep(0.3)
    lines = [line for lines in await working for line in lines]

    settled = Counter(line.split()[0] for line in lines)
    assert len(settled) == 1200
    assert set(settled.values()) == {1}
    assert {line.split()[1] for line in lines} == {"recorded"}


async def test_many_processes_create_the_file_at_once(url: str, script: Any, ask: Any) -> None:
    """Whoever comes first makes the tables; nobody fails."""
    processes = [script(PRODUCER, url, 10) for _ in range(6)]
    await _ready(processes)

    await _gather(processes)

    assert ask("SELECT count(*) FROM task") == [(60,)]


async def test_killed_worker_is_taken_over_at_once(world: World, script: Any, url: str) -> None:
    """What a killed process held, whose lease goes on for long, is there for whoever takes over."""
    process = await world.process()
    message = world.message()
    await process.publish(message)
    doomed = script(
        WORKER.replace("await broker.settle", "await asyncio.sleep(60) or await broker.settle"), url
    )
    await _ready([doomed])
    doomed.stdin.write("go\n")
    doomed.stdin.flush()
    async with asyncio.timeout(30):
        while (await process.record(message.id)).status != "process":
            await asyncio.sleep(0.02)
    doomed.kill()
    await asyncio.to_thread(doomed.wait)

    assert await (await process.worker(take_over=False)).ready_now() == []
    assert [d.id for d in await (await process.worker(take_over=True)).ready_now()] == [message.id]


async def test_idle_worker_finds_what_was_lost_soon_after_the_lease(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing rings when a lease ends; an idle worker knows when, and does not wait for its next look."""
    look_seldom(monkeypatch)

    async def make() -> AsyncSQLiteBroker:
        return AsyncSQLiteBroker(url)

    world = World(make, takes_clock=False)
    try:
        process = await world.process()
        await process.publish(world.message())
        silent, idle = await process.worker(), await process.worker()
        began = time.monotonic()
        lost = await silent.fetch_one()

        found = await idle.fetch_one()

        assert (found.id, found.losses) == (lost.id, 1)
        assert world.lease - 0.05 < time.monotonic() - began < SELDOM / 2
    finally:
        await world.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_child_leaves_the_connections_of_its_parent_alone(script: Any, url: str, ask: Any) -> None:
    """A child opens its own; collecting and ending do not disturb the parent."""
    # Since 3.12 Python warns of any fork beside threads.
    process = script(FORK, url, options=("-W", "error", "-W", "ignore::DeprecationWarning"))

    out, err = process.communicate(timeout=30)

    assert (process.returncode, out, err) == (0, "7\n", "")
    assert ask("PRAGMA integrity_check") == [("ok",)]
