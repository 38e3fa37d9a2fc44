"""Processes that are killed, fork, or have no room: nothing that was accepted is lost."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from qtasks.status import TaskStatus
from qtasks.testing.conformance import World
from qtasks_sqlite import AsyncSQLiteBroker

Script = Callable[..., "subprocess.Popen[str]"]
Ask = Callable[..., list[tuple[Any, ...]]]

COMMON = """
import asyncio, os, signal, sqlite3, sys, time
from qtasks.clock import SYSTEM_CLOCK
from qtasks.errors import BackendError
from qtasks.ids import new_id
from qtasks.models import Message, Outcome
from qtasks.status import TaskStatus
from qtasks.testing.setup import TestSetup
from qtasks.worker.identity import this_worker
from qtasks_sqlite import AsyncSQLiteBroker, _session

def messages(number: int) -> list[Message]:
    return [Message(new_id(), "add", "default", 0, b"x" * 500, time.time()) for _ in range(number)]

async def started() -> AsyncSQLiteBroker:
    broker = AsyncSQLiteBroker(sys.argv[1])
    await broker.start(TestSetup("kit", clock=SYSTEM_CLOCK))
    return broker

def write_down(ids) -> None:
    with open(sys.argv[2], "a") as file:
        file.write(" ".join(ids) + " .\\n")

def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
"""

PRODUCER = (
    COMMON
    + """
async def main() -> None:
    broker = await started()
    print("ready", flush=True)
    while True:
        batch = messages(3)
        await broker.publish(batch)
        write_down(message.id for message in batch)

asyncio.run(main())
"""
)

WORKER = (
    COMMON
    + """
async def main() -> None:
    broker = await started()
    consumer = await broker.open_consumer(this_worker(["default"], 5, time.time()), ["default"])
    print("ready", flush=True)
    while True:
        batch = await consumer.fetch(5)
        now = time.time()
        answers = await broker.settle([Outcome(d.id, d.token, TaskStatus.SUCCESS, now, now) for d in batch])
        write_down(d.id for d, answer in zip(batch, answers) if answer == "recorded")

asyncio.run(main())
"""
)

DIES_IN_A_TRANSACTION = (
    COMMON
    + """
moment = sys.argv[2]

class Dying(_session.Session):
    statements = 0

    def execute(self, statement, *parameters):
        if Dying.armed and moment == "commit" and statement == "COMMIT":
            die()
        answer = super().execute(statement, *parameters)
        if Dying.armed and moment == "committed" and statement == "COMMIT":
            die()
        if Dying.armed and moment == "begun" and statement == "BEGIN IMMEDIATE":
            die()
        return answer

    armed = False

_session.Session = Dying

async def main() -> None:
    broker = await started()
    await broker.publish(messages(3))
    print("accepted", flush=True)
    connection = broker._link.database._connections[-1]
    if moment == "writing":  # in the middle of a statement: after so many steps of its program
        await connection.set_progress_handler(lambda: die() if Dying.armed else 0, 50)
    Dying.armed = True
    await broker.publish(messages(100))

asyncio.run(main())
"""
)

SYNC_FORK = """
import os, sys
from qtasks import QueueTasks
app = QueueTasks("shop", broker_url=sys.argv[1], plugins=False)

@app.task
def add(a: int, b: int) -> int:
    return a + b

add.add_task(1, 2)
pid = os.fork()
if pid == 0:
    task = add.add_task(3, 4)
    assert app.get(task.id).status == "new"
    sys.exit(0)  # with everything that an interpreter does at its end
_, status = os.waitpid(pid, 0)
assert status == 0, status
add.add_task(5, 6)
print(app.counts().total)
"""

ASYNC_FORK = """
import asyncio, os, sys
from qtasks.asyncio import QueueTasks
app = QueueTasks("shop", broker_url=sys.argv[1], plugins=False)

@app.task
async def add(a: int, b: int) -> int:
    return a + b

async def send() -> int:
    async with app:
        await add.add_task(1, 2)
        return (await app.counts()).total

async def work() -> None:
    async with asyncio.timeout(30):
        task = await add.add_task(3, 4)
        working = asyncio.ensure_future(app.run())
        assert await task.result() == 7
        await app.stop()
        await working

async def leave_open() -> None:
    await add.add_task(1, 2)

asyncio.run(leave_open())
pid = os.fork()
if pid == 0:
    asyncio.run(work())
    sys.exit(0)
_, status = os.waitpid(pid, 0)
assert status == 0, status
print(asyncio.run(send()))
"""

LITTLE_ROOM = (
    COMMON
    + """
import resource

def allow(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

async def main() -> None:
    broker = await started()
    consumer = await broker.open_consumer(this_worker(["default"], 5, time.time()), ["default"])
    await broker.publish(messages(5))
    batch = await consumer.fetch(5)
    outcomes = [Outcome(d.id, d.token, TaskStatus.SUCCESS, time.time(), time.time()) for d in batch]
    allow(os.stat(sys.argv[1].removeprefix("sqlite:///") + "-wal").st_size)
    for call in (lambda: broker.publish(messages(50)), lambda: broker.settle(outcomes)):
        began = time.monotonic()
        try:
            await call()
        except BackendError as exc:
            print(type(exc).__name__, time.monotonic() - began < 15, "SQLITE_IOERR_WRITE" in str(exc))
    allow(resource.RLIM_INFINITY)
    print(*(await broker.settle(outcomes)))
    await broker.publish(messages(50))
    await broker.stop()

asyncio.run(main())
"""
)

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


async def _statuses(url: str) -> dict[str, TaskStatus]:
    """Return the status of every task, from a process that starts now."""
    world = World(lambda: asyncio.sleep(0, AsyncSQLiteBroker(url)), takes_clock=False)
    await (await world.process()).storage.counts()
    await world.close()
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        return {row[0]: TaskStatus(row[1]) for row in connection.execute("SELECT id, status FROM task")}


def _written(file: Path) -> set[str]:
    """Return the ids in all whole lines that a killed process has written."""
    lines = file.read_text(encoding="ascii").splitlines() if file.exists() else []
    return {word for line in lines if line.endswith(" .") for word in line.split()[:-1]}


@pytest.mark.parametrize("seed", range(4))
async def test_processes_killed_at_any_moment_lose_nothing(
    script: Script, url: str, ask: Ask, tmp_path: Path, seed: int
) -> None:
    """What was accepted is there, what was recorded stays so, a batch is whole, the file is sound."""
    moments = random.Random(seed)
    accepting, recording = tmp_path / "accepted", tmp_path / "recorded"
    doomed = [*(script(PRODUCER, url, accepting) for _ in range(2)), script(WORKER, url, recording)]
    for each in doomed:
        assert each.stdout is not None
        assert await asyncio.to_thread(each.stdout.readline) == "ready\n"

    await asyncio.sleep(moments.uniform(0.02, 0.2))
    for each in moments.sample(doomed, 3):
        each.kill()
        await asyncio.sleep(moments.uniform(0, 0.03))
    assert [each.communicate()[1] for each in doomed] == [""] * 3
    accepted, recorded = _written(accepting), _written(recording)

    statuses = await _statuses(url)
    assert accepted
    assert accepted - statuses.keys() == set()
    assert {statuses[each] for each in recorded} <= {TaskStatus.SUCCESS}
    assert len(statuses) % 3 == 0
    assert ask("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize(
    ("moment", "left"), [("begun", 3), ("writing", 3), ("commit", 3), ("committed", 103)]
)
def test_process_that_dies_in_a_transaction(
    script: Script, url: str, ask: Ask, moment: str, left: int
) -> None:
    """Whatever is not committed is not there at all, and the lock dies with its holder."""
    process = script(DIES_IN_A_TRANSACTION, url, moment)
    out, err = process.communicate(timeout=30)

    assert (process.returncode, out, err) == (-signal.SIGKILL, "accepted\n", "")
    assert len(asyncio.run(_statuses(url))) == left
    assert ask("PRAGMA integrity_check") == [("ok",)]


@needs_fork
@pytest.mark.parametrize(("code", "total"), [(SYNC_FORK, 3), (ASYNC_FORK, 3)], ids=["sync", "async"])
def test_child_of_a_process_that_has_used_the_app(
    script: Script, url: str, ask: Ask, code: str, total: int
) -> None:
    """Parent and child both go on, each with connections of its own, and both end by themselves."""
    # Since 3.12 Python warns of any fork beside threads.
    process = script(code, url, options=("-W", "error", "-W", "ignore::DeprecationWarning"))

    out, err = process.communicate(timeout=30)

    assert (process.returncode, out, err) == (0, f"{total}\n", "")
    assert ask("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are of POSIX")
def test_disk_that_fails_at_a_write_keeps_what_was_there(script: Script, url: str, ask: Ask) -> None:
    """A write that the system refuses is an error at once; afterwards the same outcomes are recorded."""
    out, err = script(LITTLE_ROOM, url).communicate(timeout=30)

    assert err == ""
    assert out.splitlines() == [
        "BackendUnavailable True True",
        "BackendUnavailable True True",
        " ".join(["recorded"] * 5),
    ]
    assert ask("SELECT count(*), sum(status = 'success') FROM task") == [(55, 5)]
    assert ask("PRAGMA integrity_check") == [("ok",)]
