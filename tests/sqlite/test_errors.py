"""What goes wrong with the file, told in words of QTasks."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from qtasks.clock import SYSTEM_CLOCK
from qtasks.errors import BackendMismatch, BackendRefused, BackendUnavailable
from qtasks.status import FINAL, TaskStatus
from qtasks.testing.conformance import World
from qtasks.testing.setup import TestSetup
from qtasks_sqlite import AsyncSQLiteBroker, _session
from qtasks_sqlite._schema import APPLICATION_ID, MIGRATIONS, prepare, version_of

Ask = Callable[..., list[tuple[Any, ...]]]


@contextmanager
def locked(path: Path, how: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
    """Hold the lock of the file."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as connection:
        connection.execute(f"BEGIN {how}")
        yield connection


def rows(path: Path, statement: str) -> list[tuple[Any, ...]]:
    """Ask the file, past the backend."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


async def _start(url: str) -> None:
    broker = AsyncSQLiteBroker(url)
    await broker.start(TestSetup())
    await broker.stop()


async def test_lock_held_for_a_while_is_waited_for(world: World, path: Path) -> None:
    """A call during somebody else's transaction succeeds when that ends."""
    process = await world.process()
    with locked(path, "EXCLUSIVE") as other:
        call = asyncio.ensure_future(process.publish(world.message()))
        done, _ = await asyncio.wait({call}, timeout=0.8)
        assert not done
        other.execute("COMMIT")
        await call

    assert (await process.storage.counts()).total == 1


async def test_lock_held_for_too_long_is_unavailable(
    world: World, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When patience ends the call says that it may be repeated, and repeating it works."""
    process = await world.process()
    message = world.message()
    monkeypatch.setattr(_session, "PATIENCE", 0.1)

    with locked(path), pytest.raises(BackendUnavailable, match="lock"):
        await process.publish(message)

    await process.publish(message)
    assert (await process.storage.counts()).total == 1


async def test_renewal_during_a_lock_is_unavailable_in_time(world: World, path: Path) -> None:
    """A keeper waits for a lock no longer than leaves time for another try within the lease."""
    lease = 0.8
    process = await world.process("kit", lease=lease)
    await process.publish(world.message())
    worker = await process.worker()
    delivery = await worker.fetch_one()
    keeper = process.broker.keeper(worker.info)
    held = [(delivery.id, delivery.token)]
    keeper.renew(held)

    with locked(path), pytest.raises(BackendUnavailable):
        keeper.renew(held)

    ((milliseconds,),) = keeper._connection.execute("PRAGMA busy_timeout")  # type: ignore[attr-defined]
    assert 0 < milliseconds <= lease * 1000 / 2
    keeper.close()


async def test_close_is_bounded_while_another_process_reads(url: str, path: Path, ask: Ask) -> None:
    """A reader that never ends its transaction keeps neither tasks nor the stop waiting."""
    broker = AsyncSQLiteBroker(url)
    world = World(lambda: asyncio.sleep(0, broker))
    process = await world.process()
    await process.publish(world.message())
    with locked(path, "DEFERRED") as reader:
        reader.execute("SELECT count(*) FROM task").fetchone()
        await process.publish(*world.messages(100))
        async with asyncio.timeout(_session.PATIENCE / 2):
            await world.close()

    assert ask("SELECT count(*) FROM task") == [(101,)]


async def test_close_is_bounded_while_another_process_writes(world: World, path: Path) -> None:
    """A stop does not wait until the lock of somebody else has run out of time."""
    process = await world.process()
    with locked(path):
        call = asyncio.ensure_future(process.publish(world.message()))
        await asyncio.sleep(0)
        async with asyncio.timeout(_session.PATIENCE / 2):
            await process.stop()

            with pytest.raises(BackendUnavailable):
                await call


async def test_full_disk_is_refused_and_work_goes_on_after(url: str, ask: Ask) -> None:
    """A full disk refuses the call at once; when there is room again the same call succeeds."""
    world = World(lambda: asyncio.sleep(0, AsyncSQLiteBroker(url)))
    process = await world.process()
    broker = process.broker
    assert isinstance(broker, AsyncSQLiteBroker)
    connection = broker._link.database._connections[-1]
    ((pages,),) = await connection.execute_fetchall("PRAGMA page_count")
    await connection.execute_fetchall(f"PRAGMA max_page_count = {pages + 4}")
    big = world.message(body=b"x" * 100_000)
    try:
        with pytest.raises(BackendRefused, match="full"):
            await process.publish(big)
        assert (await process.storage.counts()).total == 0
        await process.publish(world.message())
        await connection.execute_fetchall("PRAGMA max_page_count = 1000000")
        await process.publish(big)
    finally:
        await world.close()

    assert ask("SELECT count(*) FROM task") == [(2,)]
    assert ask("PRAGMA integrity_check") == [("ok",)]


async def test_read_only_connection_is_refused(world: World) -> None:
    """What can only be read says so, and accepts nothing."""
    process = await world.process()
    broker = process.broker
    assert isinstance(broker, AsyncSQLiteBroker)
    connection = broker._link.database._connections[-1]
    await connection.execute_fetchall("PRAGMA query_only = ON")

    with pytest.raises(BackendRefused, match="writable"):
        await process.publish(world.message())


READ_ONLY = """
import asyncio, os, sys
from qtasks.errors import BackendRefused
from qtasks.testing.conformance import World
from qtasks_sqlite import AsyncSQLiteBroker

async def main(url: str) -> None:
    async def make() -> AsyncSQLiteBroker:
        return AsyncSQLiteBroker(url)

    world = World(make)
    try:
        await (await world.process()).publish(world.message())
    except BackendRefused as exc:
        print(exc)
    await world.close()

if os.geteuid() == 0:  # root may write everywhere
    asyncio.run(main("sqlite:///first.db"))  # loads what nobody else may read
    os.setuid(65534)
asyncio.run(main(sys.argv[1]))
"""


def test_read_only_file_is_refused(script: Any) -> None:
    """A file that may not be written is refused with what to do, and a fresh try works after the remedy."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        file = Path(folder) / "tasks.db"
        url = f"sqlite:///{file}"
        asyncio.run(_start(url))
        file.chmod(0o444)
        out, err = script(READ_ONLY, url).communicate(timeout=30)
        for each in Path(folder).iterdir():
            each.chmod(0o666)
        again = script(READ_ONLY, url).communicate(timeout=30)
        (count,) = rows(file, "SELECT count(*) FROM task")

    assert ("writ" in out, err) == (True, "")
    assert again == ("", "")
    assert count == (1,)


async def test_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """The folder is not made: a misspelt path shall be noticed."""
    with pytest.raises(BackendRefused, match="folder"):
        await _start(f"sqlite:///{tmp_path}/no/such/tasks.db")


async def test_path_of_a_folder_is_refused(tmp_path: Path) -> None:
    """A folder is no file."""
    with pytest.raises(BackendRefused):
        await _start(f"sqlite:///{tmp_path}")


async def test_file_of_another_kind_is_a_mismatch(url: str, path: Path) -> None:
    """What is no database is left as it is."""
    path.write_text("these are my notes\n" * 100)

    with pytest.raises(BackendMismatch, match="no SQLite database"):
        await _start(url)

    assert path.read_text() == "these are my notes\n" * 100


@pytest.mark.parametrize(
    "statement",
    ["CREATE TABLE customer (id)", "PRAGMA application_id = 7", "PRAGMA user_version = 3"],
)
async def test_database_of_another_program_is_a_mismatch(
    url: str, path: Path, ask: Ask, statement: str
) -> None:
    """A database with tables or marks of somebody else is not touched."""
    ask(statement)
    before = path.read_bytes()

    with pytest.raises(BackendMismatch, match="another program"):
        await _start(url)

    assert path.read_bytes() == before


@pytest.mark.parametrize("moment", range(1, 5))
def test_file_that_another_process_makes_meanwhile_is_ours(tmp_path: Path, moment: int) -> None:
    """Whichever statement of the look at an empty file it comes before, it is no file of a stranger."""
    path = str(tmp_path / "tasks.db")

    class Raced(sqlite3.Connection):
        statements = 0

        def execute(self, *args: Any) -> sqlite3.Cursor:
            Raced.statements += 1
            if Raced.statements == moment:
                other = sqlite3.connect(path, isolation_level=None, timeout=0)
                with suppress(sqlite3.OperationalError):  # this one may have the lock by now
                    prepare(other, path)
                other.close()
            return super().execute(*args)

    connection = sqlite3.connect(path, isolation_level=None, factory=Raced)
    prepare(connection, path)

    assert version_of(connection, path) == len(MIGRATIONS)
    connection.close()


async def test_newer_schema_is_a_mismatch(url: str, ask: Ask) -> None:
    """A file of a newer version says what to upgrade."""
    await _start(url)
    ask(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")

    with pytest.raises(BackendMismatch, match="upgrade"):
        await _start(url)


async def test_file_carries_our_mark(url: str, ask: Ask) -> None:
    """The file says whose it is, and which version of the schema it has."""
    await _start(url)

    assert ask("PRAGMA application_id") == [(APPLICATION_ID,)]
    assert ask("PRAGMA user_version") == [(len(MIGRATIONS),)]


async def test_damaged_file_is_a_mismatch(url: str, path: Path) -> None:
    """A file whose pages were overwritten is named as damaged."""
    world = World(lambda: asyncio.sleep(0, AsyncSQLiteBroker(url)))
    process = await world.process()
    await process.publish(*world.messages(200))
    await world.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    world = World(lambda: asyncio.sleep(0, AsyncSQLiteBroker(url)))
    process = await world.process()
    try:
        with pytest.raises(BackendMismatch, match="damaged"):
            await process.publish(world.message())
    finally:
        await world.close()


async def test_failed_start_leaves_nothing_behind(url: str, path: Path) -> None:
    """After a failed start the next one is a fresh try, and succeeds when the cause is gone."""
    path.write_text("no database" * 100)
    broker = AsyncSQLiteBroker(url)
    with pytest.raises(BackendMismatch):
        await broker.start(TestSetup())
    path.unlink()

    await broker.start(TestSetup(clock=SYSTEM_CLOCK))
    await broker.flush()
    await broker.stop()


async def test_file_that_is_removed_while_open_is_noticed(world: World, path: Path) -> None:
    """What is published into a file that is not there any more would be lost: it is refused."""
    process = await world.process()
    await process.publish(world.message())
    worker = await process.worker()
    path.unlink()

    with pytest.raises(BackendMismatch, match="removed"):
        await process.publish(world.message())
    with pytest.raises(BackendMismatch, match="removed"):
        await worker.consumer.fetch(1)


async def test_file_that_is_replaced_while_open_is_noticed(world: World, path: Path) -> None:
    """A fresh file in place of the old one is not the one that this process has open."""
    process = await world.process()
    path.rename(path.with_suffix(".old"))
    path.touch()

    with pytest.raises(BackendMismatch, match="replaced"):
        await process.publish(world.message())


async def test_stop_waits_a_little_for_what_was_asked(world: World, path: Path, ask: Ask) -> None:
    """A call that waits for a lock when the stop begins is done when the lock is free within seconds."""
    process = await world.process()
    with locked(path) as other:
        call = asyncio.ensure_future(process.publish(world.message()))
        await asyncio.sleep(0)
        stop = asyncio.ensure_future(process.stop())
        done, _ = await asyncio.wait({stop}, timeout=0.5)
        assert not done
        other.execute("COMMIT")
        await call
        await stop

    assert ask("SELECT count(*) FROM task") == [(1,)]


async def test_call_after_a_stop_says_what_to_do(world: World) -> None:
    """A call that comes after the file was closed was not done, and the text says how to do it."""
    process = await world.process()
    broker = process.broker
    assert isinstance(broker, AsyncSQLiteBroker)
    database = broker._link.database
    database.cancel()
    async with asyncio.timeout(30):
        while not database.closed.is_set():
            await asyncio.sleep(0.01)

    with pytest.raises(BackendUnavailable, match="start the app again"):
        await process.publish(world.message())
    with pytest.raises(BackendUnavailable, match="start the app again"):
        await process.storage.wait(world.message().id, FINAL)


async def test_damaged_history_harms_nothing_else(world: World, ask: Ask) -> None:
    """A history that cannot be read begins anew: the task goes on, is recovered, and has its outcome."""
    process = await world.process()
    message = world.message()
    await process.publish(message)
    worker = await process.worker()
    await worker.fetch_one()
    ask("UPDATE task SET history = '[[1,'")
    assert (await process.record(message.id)).history == ()
    await world.pass_time(world.lease + 1)

    again = await worker.fetch_one()
    ask("UPDATE task SET history = 'odd'")
    assert worker.renew(again) == []
    await process.finish(again, TaskStatus.RETRY)
    await process.finish(await worker.fetch_one(), result=b"good")

    record = await process.storage.wait(message.id, FINAL)
    assert record is not None
    assert (record.result, [event.end for event in record.history]) == (b"good", ["retry"])


async def test_damaged_record_fails_its_waiters_alone(world: World, ask: Ask) -> None:
    """Who waits for a record with a status that nobody knows is told so; others get their answer."""
    process = await world.process()
    bad, *good = world.messages(20)
    await process.publish(bad, *good)
    ask("UPDATE task SET status = 'odd', turn = NULL WHERE id = ?", bad.id)
    waiting = [asyncio.ensure_future(process.storage.wait(m.id, FINAL)) for m in (bad, *good)]

    with pytest.raises(BackendMismatch, match="upgrade"):
        await world.soon(waiting[0])

    for delivery in await (await process.worker()).fetch_number(19):
        await process.finish(delivery)
    assert all(await world.soon(asyncio.gather(*waiting[1:])))


async def test_damaged_information_on_a_worker_proves_nothing(world: World, ask: Ask) -> None:
    """A holder that cannot be read keeps its lease, and the list of workers leaves it out."""
    process = await world.process()
    await process.publish(world.message())
    worker = await process.worker()
    delivery = await worker.fetch_one()
    await process.storage.global_config.announce(worker.info, 60)
    ask("UPDATE holder SET info = '{'")
    ask("UPDATE registry SET info = '{'")

    other = await process.worker(take_over=True)

    assert await other.ready_now() == []
    assert worker.renew(delivery) == []
    assert list(await process.storage.global_config.workers()) == []
