"""Others who have the file open: one who locks it for too long, one who reads without an end."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from qtasks.asyncio import QueueTasks
from qtasks.doctor import Check, Level
from qtasks.errors import BackendUnavailable
from qtasks.status import TaskStatus
from qtasks.testing.conformance import World
from qtasks_sqlite import BACKEND, AsyncSQLiteBroker, _files, _locks, _session

Script = Callable[..., "subprocess.Popen[str]"]

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc/locks is of Linux")

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute(sys.argv[2])
if len(sys.argv) > 3:
    connection.execute(sys.argv[3]).fetchone()
print("held", flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
print("free", flush=True)
sys.stdin.readline()
"""

LISTING = """
1: POSIX  ADVISORY  WRITE 4711 fe:01:123 120 120
1: -> POSIX  ADVISORY  WRITE 4712 fe:01:123 120 120
2: POSIX  ADVISORY  READ  4713 fe:01:123 124 124
3: POSIX  ADVISORY  READ  4714 fe:01:123 128 128
4: POSIX  ADVISORY  WRITE 4715 fe:01:124 0 EOF
5: FLOCK  ADVISORY  WRITE 4716 fe:01:125 0 EOF
an odd line
"""


class Holder:
    """Another process that holds a lock on the file until it is told to let go."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid
        assert self._tells() == "held\n"

    def let_go(self) -> None:
        """Commit, and go on with the file open."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        assert self._tells() == "free\n"

    def _tells(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@pytest.fixture
def hold(script: Script, path: Path) -> Callable[..., Holder]:
    """Return a function that lets another process hold the file."""
    return lambda *statements: Holder(script(HOLD, path, *statements))


@pytest.fixture
def app(url: str) -> QueueTasks:
    """An app on the file, whose task counts."""
    app = QueueTasks("shop", broker_url=url, plugins=False)
    app.config.result_time_interval = 0.5
    return app


async def _problems(url: str) -> list[Check]:
    assert BACKEND.doctor is not None
    return [check async for check in BACKEND.doctor(url) if check.level is not Level.OK]


async def _until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not so in time"
        await asyncio.sleep(0.01)


def test_locks_on_a_file_are_found_in_the_list_of_the_kernel() -> None:
    """Each lock has its holder and its bytes; who waits, and other files, are left out."""
    device = os.makedev(0xFE, 1)

    found = list(_locks.locks_on(device, 123, LISTING))
    (whole,) = _locks.locks_on(device, 124, LISTING)

    assert [(lock.pid, lock.exclusive) for lock in found] == [(4711, True), (4713, False), (4714, False)]
    assert [lock.touches((120, 120)) for lock in found] == [True, False, False]
    assert [lock.touches((123, 127)) for lock in found] == [False, True, False]
    assert whole.touches((10**9, 10**9))


def test_nobody_is_named_where_nothing_is_known(path: Path) -> None:
    """A file that is not there has no holders."""
    assert _locks.writers(str(path)) == []
    assert _locks.readers(str(path)) == []
    assert _locks.in_words([]) == ""


@on_linux
@pytest.mark.parametrize("statement", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
async def test_call_under_a_lock_names_the_process_that_holds_it(
    world: World, hold: Callable[..., Holder], monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    """When patience ends the error says which process it was; when that has ended the call works."""
    process = await world.process()
    message = world.message()
    monkeypatch.setattr(_session, "PATIENCE", 0.1)
    holder = hold(statement)

    with pytest.raises(BackendUnavailable, match=rf"process {holder.pid} \(.+\) holds the lock"):
        await process.publish(message)
    holder.let_go()
    await process.publish(message)

    assert (await process.storage.counts()).total == 1


@on_linux
async def test_exclusive_locking_is_named_too(
    url: str, hold: Callable[..., Holder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that keeps the whole file to itself is named to whoever starts meanwhile."""
    await _make(url)
    monkeypatch.setattr(_session, "PATIENCE", 0.1)
    monkeypatch.setattr(sys.modules["qtasks_sqlite.doctor"], "_PATIENCE", 0.1)
    holder = hold("PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE")

    with pytest.raises(BackendUnavailable, match=f"process {holder.pid} "):
        await _make(url)
    (problem,) = await _problems(url)

    assert (problem.level, f"process {holder.pid} " in problem.text) == (Level.PROBLEM, True)


async def test_worker_waits_for_a_lock_that_outlasts_its_patience(
    app: QueueTasks,
    hold: Callable[..., Holder],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Fetches and outcomes that fail on a lock are tried until it is free: nothing is lost or run twice."""
    runs: list[int] = []
    gate = asyncio.Event()

    @app.task
    async def count(number: int) -> int:
        await gate.wait()
        runs.append(number)
        return number

    working = asyncio.ensure_future(app.run())
    sent = [await count.add_task(number) for number in range(5)]
    async with asyncio.timeout(30):
        while (await app.counts())[TaskStatus.PROCESS] < len(sent):
            await asyncio.sleep(0.01)
    monkeypatch.setattr(_session, "PATIENCE", 0.1)
    holder = hold("BEGIN EXCLUSIVE")
    gate.set()
    with pytest.raises(BackendUnavailable, match="holds the lock"):
        await count.add_task(9)
    await _until(lambda: "wait to be recorded" in caplog.text)
    holder.let_go()
    monkeypatch.setattr(_session, "PATIENCE", 30.0)
    last = await count.add_task(5)

    assert [await task.result(30) for task in [*sent, last]] == list(range(6))
    assert runs == list(range(6))
    await app.stop()
    await working
    await app.disconnect()


async def _make(url: str) -> None:
    async with QueueTasks("shop", broker_url=url, plugins=False):
        pass


async def test_log_that_a_reader_keeps_is_told_once_and_shrinks_after(
    url: str, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, hold: Any
) -> None:
    """While somebody reads without an end the log grows, the worker says who it is, and later all is well."""
    monkeypatch.setattr(_files, "LONG_LOG", 5_000_000)
    monkeypatch.setattr("qtasks_sqlite._session._LOG_SIZE", 500_000)
    log = Path(f"{path}-wal")
    world = World(lambda: asyncio.sleep(0, AsyncSQLiteBroker(f"{url}?synchronous=off")))
    process = await world.process()
    await process.publish(world.message())
    holder = hold("BEGIN", "SELECT count(*) FROM task")
    with caplog.at_level(logging.WARNING, "qtasks.sqlite"):
        for _ in range(20):
            await process.publish(*world.messages(4, body=b"x" * 100_000))
    grown = log.stat().st_size
    told = [record.getMessage() for record in caplog.records]
    holder.let_go()
    for _ in range(3):
        await process.publish(world.message())

    assert grown > 7_000_000
    assert len(told) == 1
    assert str(log) in told[0]
    if sys.platform.startswith("linux"):
        assert f"process {holder.pid} " in told[0]
    assert log.stat().st_size <= 500_000
    assert (await process.storage.counts()).total == 1 + 80 + 3
    await world.close()


@on_linux
async def test_doctor_names_the_reader_that_makes_the_log_grow(
    world: World, url: str, hold: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The finding says how long the log is and which process to end."""
    monkeypatch.setattr(sys.modules["qtasks_sqlite.doctor"], "LONG_LOG", 100_000)
    process = await world.process()
    await process.publish(world.message())
    holder = hold("BEGIN", "SELECT count(*) FROM task")
    await process.publish(*world.messages(4, body=b"x" * 50_000))

    (warning,) = (check for check in await _problems(url) if "write-ahead log" in check.text)

    assert warning.level is Level.WARNING
    assert f"process {holder.pid} " in warning.hint
    holder.let_go()


def test_doctor_leaves_the_locks_of_its_own_process_alone(script: Script, url: str) -> None:
    """To look at a file takes away no lock that the same process has on it."""
    code = """
import asyncio, sqlite3, subprocess, sys
from qtasks.asyncio import QueueTasks
from qtasks_sqlite import BACKEND
TRY = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"

async def main(url: str) -> None:
    async with QueueTasks("shop", broker_url=url, plugins=False):
        path = url.removeprefix("sqlite:///")
        with_lock = sqlite3.connect(path, isolation_level=None)
        with_lock.execute("BEGIN IMMEDIATE")
        async for check in BACKEND.doctor(url):
            assert check.level != "problem", check
        other = subprocess.run([sys.executable, "-c", TRY, path], capture_output=True, text=True)
        print("locked" in other.stderr)
        with_lock.execute("COMMIT")
        with_lock.close()

asyncio.run(main(sys.argv[1]))
"""
    assert script(code, url).communicate(timeout=30) == ("True\n", "")


def test_doctor_makes_no_file(url: str, path: Path) -> None:
    """To look at a file that nobody uses leaves no log beside it."""
    asyncio.run(_make(url))
    before = {file.name for file in path.parent.iterdir()}

    problems = asyncio.run(_problems(url))

    assert [check for check in problems if check.level is Level.PROBLEM] == []
    assert {file.name for file in path.parent.iterdir()} == before
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
