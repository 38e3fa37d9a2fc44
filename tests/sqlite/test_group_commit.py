"""Callers that ask at once share a transaction, and answer each for itself."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from qtasks.errors import BackendRefused
from qtasks.models import Message, Settled
from qtasks.status import TaskStatus
from qtasks.testing.conformance import World

Ask = Callable[..., list[tuple[Any, ...]]]


class Commits:
    """Counts the commits of others to a file, one by one, by looking at its log."""

    def __init__(self, path: Path) -> None:
        self._log = Path(f"{path}-wal")

    def count(self) -> int:
        """Return the commit frames of the log: sqlite.org/fileformat2.html#the_write_ahead_log."""
        data = self._log.read_bytes()
        page = int.from_bytes(data[8:12], "big")
        salts, frame, commits = data[16:24], 24 + page, 0
        for start in range(32, len(data) - frame + 1, frame):
            header = data[start : start + 24]
            if header[8:16] != salts:
                break
            commits += header[4:8] != bytes(4)
        return commits


async def test_calls_at_once_share_transactions(world: World, path: Path) -> None:
    """A hundred callers that publish at once need a handful of commits."""
    process = await world.process()
    await process.publish(world.message())
    commits = Commits(path)
    before = commits.count()

    await asyncio.gather(*(process.publish(world.message()) for _ in range(100)))

    assert 1 <= commits.count() - before <= 10
    assert (await process.storage.counts()).total == 101


async def test_single_call_is_one_commit(world: World, path: Path) -> None:
    """Publish, claim and settle of one task are one commit each."""
    process = await world.process()
    worker = await process.worker()
    commits = Commits(path)

    before = commits.count()
    await process.publish(world.message())
    published = commits.count()
    delivery = await worker.fetch_one()
    claimed = commits.count()
    await process.finish(delivery)

    assert (published - before, claimed - published, commits.count() - claimed) == (1, 1, 1)


async def test_one_bad_message_fails_alone(world: World) -> None:
    """What SQLite cannot keep fails for its caller, and for nobody who shares the transaction."""
    process = await world.process()
    good = [world.message() for _ in range(20)]
    bad = world.message(priority=2**70)

    answers = await asyncio.gather(
        *(process.publish(message) for message in (*good[:10], bad, *good[10:])), return_exceptions=True
    )

    assert isinstance(answers.pop(10), BackendRefused)
    assert answers == [{}] * 20
    assert (await process.storage.counts())[TaskStatus.NEW] == 20


async def test_batch_is_all_or_none(world: World) -> None:
    """Of a call that fails nothing is accepted."""
    process = await world.process()

    with pytest.raises(BackendRefused):
        await process.publish(world.message(), world.message(priority=2**70), world.message())

    assert (await process.storage.counts()).total == 0


async def test_text_that_is_no_unicode_fails_alone(world: World) -> None:
    """A lone surrogate in a name is refused, and the backend goes on."""
    process = await world.process()

    with pytest.raises(BackendRefused):
        await process.publish(world.message(task="\ud800"))

    await process.publish(world.message())
    assert (await process.storage.counts()).total == 1


async def test_cancelled_caller_does_not_cancel_the_work(world: World) -> None:
    """A caller that is cancelled while it waits leaves a whole transaction behind."""
    process = await world.process()
    messages = world.messages(10)
    calls = [asyncio.ensure_future(process.publish(message)) for message in messages]
    await asyncio.sleep(0)

    for call in calls[::2]:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)

    assert (await process.storage.counts()).total == 10


async def test_repeated_and_stale_outcomes_in_one_batch(world: World) -> None:
    """In a batch with repetitions and strangers each outcome gets its own answer."""
    process = await world.process()
    await process.publish(world.message(priority=9), *world.messages(2))
    lost, one, two = await (await process.worker()).fetch(3)
    await process.finish(one)
    await world.pass_time(world.lease + 1)
    await (await process.worker()).fetch_one()

    answers = await process.settle(*map(process.outcome, (one, two, lost, two)))

    assert list(answers) == [Settled.RECORDED, Settled.RECORDED, Settled.STALE, Settled.RECORDED]


async def test_blocked_loop_holds_no_lock(world: World, path: Path) -> None:
    """A task that blocks the loop in the middle of a write keeps no other process from writing."""
    process = await world.process()
    writes = [asyncio.ensure_future(process.publish(world.message())) for _ in range(50)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # the writer has handed the transaction to its thread

    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as other:
        for _ in range(50):  # the loop stands still meanwhile
            other.execute("BEGIN IMMEDIATE")
            other.execute("INSERT INTO setting VALUES ('a', 'b', hex(randomblob(8)), '1')")
            other.execute("COMMIT")

    await asyncio.gather(*writes)
    assert (await process.storage.counts()).total == 50


async def test_expired_record_gives_its_id_free(world: World, ask: Ask) -> None:
    """An id whose record has had its time, though it is still in the file, is accepted as a new task."""
    process = await world.process()
    delivery = await process.finished(remove_at=world.clock.now() + 10)
    await world.pass_time(11)
    again: Message = world.message(id=delivery.id, body=b"again")

    await process.publish(again)

    assert (await process.record(delivery.id)).body == b"again"
    assert ask("SELECT count(*) FROM task") == [(1,)]
