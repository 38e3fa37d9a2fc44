"""Damaged files: told apart from strange ones, and never made worse."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from qtasks.asyncio import QueueTasks
from qtasks.doctor import Check, Level
from qtasks.errors import BackendMismatch, BackendRefused
from qtasks.status import TaskStatus
from qtasks.testing.conformance import World
from qtasks_sqlite import BACKEND, AsyncSQLiteBroker, _wal

PAGE = 4096

KILLED_WITH_A_LOG = """
import asyncio, os, signal, sys
from qtasks.testing.conformance import World
from qtasks_sqlite import AsyncSQLiteBroker

async def main() -> None:
    world = World(lambda: asyncio.sleep(0, AsyncSQLiteBroker(sys.argv[1])))
    process = await world.process()
    for _ in range(int(sys.argv[2])):
        await process.publish(*world.messages(3, body=b"x" * 3000))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
"""Each publish is one transaction of several pages; nothing is written back from the log."""


async def _problems(url: str) -> list[Check]:
    assert BACKEND.doctor is not None
    return [check async for check in BACKEND.doctor(url) if check.level is Level.PROBLEM]


async def _publish(url: str, number: int, **values: Any) -> None:
    world = World(lambda: asyncio.sleep(0, AsyncSQLiteBroker(url)))
    await (await world.process()).publish(*world.messages(number, **values))
    await world.close()


async def _count(url: str) -> int:
    world = World(lambda: asyncio.sleep(0, AsyncSQLiteBroker(url)))
    try:
        return (await (await world.process()).storage.counts()).total
    finally:
        await world.close()


def _overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


@contextmanager
def _copied(path: Path) -> Iterator[Path]:
    """Keep a copy of a file that nobody uses, and put it back at the end, as the errors advise."""
    copy = path.with_suffix(".copy")
    shutil.copy(path, copy)
    yield copy
    for name in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        name.unlink(missing_ok=True)
    shutil.copy(copy, path)


@pytest.mark.parametrize(
    ("offset", "data", "words"),
    [
        (0, b"no database at all", "header is damaged"),
        (16, b"\x00\x07", "header is damaged"),
        (0, b"\0" * 100, "header is damaged"),
        (100, b"\xff" * 400, "damaged"),
    ],
    ids=["magic", "size of a page", "zeros", "first page"],
)
async def test_damaged_header_is_named_and_a_copy_helps(
    url: str, path: Path, offset: int, data: bytes, words: str
) -> None:
    """A file of ours with another beginning is left as it is, and what the errors advise works."""
    await _publish(url, 20)
    with _copied(path):
        _overwrite(path, offset, data)
        before = path.read_bytes()

        with pytest.raises(BackendMismatch, match=words):
            await _count(url)
        problems = await _problems(url)

        assert path.read_bytes() == before
        assert any("damaged" in problem.text for problem in problems)
    assert await _count(url) == 20


async def test_page_that_is_damaged_ends_the_worker_and_runs_nothing_by_halves(
    url: str, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker that meets a damaged page ends, and says how to save the rest; a copy runs whole."""
    ran: list[int] = []

    def make() -> QueueTasks:
        app = QueueTasks("shop", broker_url=url, plugins=False)

        @app.task
        async def count(number: int, _ballast: str = "") -> None:
            ran.append(number)

        return app

    async with (app := make()):
        for number in range(30):
            await app.add_task("count", number, "x" * 3000)
    with _copied(path):
        _damage_index(path, "task_ready")
        with pytest.raises(BackendMismatch, match=r"damaged.*sqlite3 moved\.db \.recover"):
            await make().run()
        (problem,) = await _problems(url)
        assert "damaged" in problem.text
        assert ".recover" in problem.hint
        assert ran == []

    app = make()
    working = asyncio.ensure_future(app.run())
    async with asyncio.timeout(30):
        while (await app.counts())[TaskStatus.SUCCESS] < 30:
            await asyncio.sleep(0.01)
    await app.stop()
    await working
    await app.disconnect()
    assert ran == list(range(30))
    assert "Traceback" not in caplog.text


def _damage_index(path: Path, name: str) -> None:
    """Overwrite the root page of an index."""
    with closing(sqlite3.connect(path)) as connection:
        ((root,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,))
    _overwrite(path, (root - 1) * PAGE, b"\xff" * PAGE)


def _killed(script: Callable[..., subprocess.Popen[str]], url: str, transactions: int) -> None:
    process = script(KILLED_WITH_A_LOG, url, transactions)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (-signal.SIGKILL, "")


@pytest.fixture
def crashed(script: Any, url: str, tmp_path: Path) -> Path:
    """Return a folder with what a killed process has left: the file, and a log with all that it wrote."""
    _killed(script, url, 8)
    folder = tmp_path / "crashed"
    folder.mkdir()
    for name in ("tasks.db", "tasks.db-wal"):
        shutil.copy(tmp_path / name, folder / name)
    for file in tmp_path.glob("tasks.db*"):
        file.unlink()
    return folder


def _put(crashed: Path, path: Path) -> Path:
    """Put a copy of what the killed process has left in its place, and return its log."""
    for file in path.parent.glob("tasks.db*"):
        file.unlink()
    for name in ("tasks.db", "tasks.db-wal"):
        shutil.copy(crashed / name, path.parent / name)
    return Path(f"{path}-wal")


async def test_log_that_ends_anywhere_keeps_what_was_whole(crashed: Path, url: str, path: Path) -> None:
    """Wherever the log of a crash breaks off, the transactions before are there, whole, and none after."""
    log = crashed / "tasks.db-wal"
    size = log.stat().st_size
    frame = PAGE + 24
    seen = []
    for end in [*range(32, size, frame * 3), *range(32 + frame // 2, size, frame * 4), size - 1, size]:
        os.truncate(_put(crashed, path), end)
        try:
            seen.append((end, await _count(url)))
        except BackendMismatch:
            pytest.fail(f"a log of {end} bytes is an error")
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

    counts = [count for _, count in sorted(seen)]
    assert counts == sorted(counts)
    assert {count % 3 for count in counts} == {0}
    assert (counts[0], counts[-1]) == (0, 24)
    assert len(set(counts)) > 4


async def test_damaged_frame_ends_the_log_there(crashed: Path, url: str, path: Path) -> None:
    """What was committed before a damaged place of the log survives, and the file is sound."""
    log = _put(crashed, path)
    _overwrite(log, log.stat().st_size // 2, b"\xff" * 100)

    count = await _count(url)

    assert 0 < count < 24
    assert count % 3 == 0
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_damaged_index_of_the_log_is_made_anew(crashed: Path, url: str, path: Path) -> None:
    """The file `-shm` holds nothing of its own: garbage in it costs nothing."""
    _put(crashed, path)
    Path(f"{path}-shm").write_bytes(b"\xff" * 32768)

    assert await _count(url) == 24


async def test_log_that_would_be_passed_over_is_kept(crashed: Path, url: str, path: Path) -> None:
    """A log with a damaged header is refused and left alone; without it the work goes on."""
    log = _put(crashed, path)
    assert await _problems(url) == []
    (saved,) = struct.unpack(">I", log.read_bytes()[12:16])
    _put(crashed, path)
    _overwrite(log, 12, struct.pack(">I", saved ^ 1))
    before = log.read_bytes()

    with pytest.raises(BackendMismatch, match="copy it with the database"):
        await _count(url)
    (problem,) = await _problems(url)

    assert problem.text == f"{log} is damaged, and SQLite would pass over all that is in it"
    assert log.read_bytes() == before
    log.unlink()
    assert await _count(url) == 0


async def test_log_without_its_database_is_not_ended(crashed: Path, url: str, path: Path) -> None:
    """A start that would throw a log away is refused; with the database back nothing is lost."""
    log = _put(crashed, path)
    path.unlink()
    before = log.read_bytes()
    for is_empty in (False, True):
        if is_empty:
            path.touch()
        with pytest.raises(BackendRefused, match="put the database back"):
            await _count(url)
        (problem,) = await _problems(url)
        assert "without its database" in problem.text
        assert log.read_bytes() == before

    shutil.copy(crashed / "tasks.db", path)
    assert await _count(url) == 24


def test_header_of_a_log() -> None:
    """What can hold no commit is sound; another magic and a wrong sum are not."""
    assert _wal.is_sound(b"")
    assert _wal.is_sound(b"short")
    assert _wal.is_sound(b"\0" * 32)
    assert not _wal.is_sound(b"\xff" * 32)
    assert not _wal.is_sound(struct.pack(">8I", 0x377F0682, 3007000, PAGE, 0, 1, 2, 3, 4))


@pytest.mark.parametrize("how", ["emptied", "replaced", "removed", "log removed"])
async def test_file_that_changes_under_a_running_worker(url: str, path: Path, how: str) -> None:
    """The worker, and whoever sends or reads, learn at once that the file is another one."""
    app = QueueTasks("shop", broker_url=url, plugins=False)

    @app.task
    async def count(number: int) -> int:
        return number

    async with app:
        await count.add_task(0)
    copy = path.with_suffix(".copy")
    shutil.copy(path, copy)
    working = asyncio.ensure_future(app.run())
    assert await (await count.add_task(1)).result(30) == 1
    client = QueueTasks("shop", broker_url=url, plugins=False)
    sent = await client.add_task("count", 2)

    if how == "emptied":
        os.truncate(path, 0)
    elif how == "replaced":
        copy.rename(path)
    else:
        (Path(f"{path}-wal") if how == "log removed" else path).unlink()

    for call in (client.add_task("count", 3), client.read(sent.id), client.counts()):
        with pytest.raises(BackendMismatch, match="removed, replaced or emptied while it was open"):
            await call
    with pytest.raises(BackendMismatch, match="removed, replaced or emptied while it was open"):
        async with asyncio.timeout(30):
            await working
    await client.disconnect()
    await app.disconnect()


async def test_waiter_learns_that_the_file_is_gone(url: str, path: Path) -> None:
    """Who waits for a result does not wait until the time is out where it can never come."""
    app = QueueTasks("shop", broker_url=url, plugins=False)
    app.config.result_time_interval = 0.1
    async with app:
        task = await app.add_task("never")
        waiting = asyncio.ensure_future(task.result(30))
        await asyncio.sleep(0)
        path.unlink()

        with pytest.raises(BackendMismatch, match="removed"):
            async with asyncio.timeout(30):
                await waiting


async def test_log_of_a_replaced_file_does_not_reach_the_new_one(url: str, path: Path) -> None:
    """A copy that is put in place under running processes stays as it is; the old log is kept beside it."""
    await _publish(url, 5)
    copy, whole = path.with_suffix(".copy"), path.with_suffix(".whole")
    shutil.copy(path, copy)
    world = World(lambda: asyncio.sleep(0, AsyncSQLiteBroker(url)))
    processes = [await world.process() for _ in range(2)]
    for process in processes:
        await process.publish(*world.messages(50, body=b"x" * 1000))
    inode = path.stat().st_ino
    path.rename(whole)
    copy.rename(path)

    for process in processes:
        with pytest.raises(BackendMismatch, match=f"tasks.db.{inode}-wal|replaced"):
            await process.publish(world.message())
    await world.close()

    assert await _count(url) == 5
    assert await _problems(url) == []
    old = Path(f"{path}.{inode}")
    whole.rename(old)
    assert await _count(f"sqlite:///{old}") == 105
