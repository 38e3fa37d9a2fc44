"""Small words that must be the same everywhere: counts, limits, boots, warnings."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from msgspec.structs import replace

from qtasks.models import Ask, Query, WorkerInfo
from qtasks.status import TaskStatus
from qtasks.testing.conformance import World
from qtasks.worker.identity import this_worker
from qtasks_sqlite import _files
from qtasks_sqlite._mounts import Reach, reach_of


def _engine(process: Any) -> Any:
    return process.broker._link.database


async def test_counts_call_a_delayed_task_new_when_its_moment_has_come(world: World) -> None:
    """What get and find call new is counted as new, also before a worker has looked."""
    process = await world.process()
    soon, later = world.message(due=world.clock.now() + 10), world.message(due=world.clock.now() + 99)
    await process.publish(soon, later)
    await world.pass_time(11)

    counts = await process.storage.counts()

    assert (counts[TaskStatus.NEW], counts[TaskStatus.DELAYED]) == (1, 1)
    assert (await process.record(soon.id)).status is TaskStatus.NEW


@pytest.mark.parametrize("role", [0, 2])
async def test_counts_of_each_role_agree_with_find(world: World, ask: Any, role: int) -> None:
    """Records alone, whose tasks another broker queues, are counted by the same words."""
    process = await world.process()
    await process.publish(
        world.message(due=world.clock.now() + 10), world.message(due=world.clock.now() + 99)
    )
    ask("UPDATE task SET role = ?", role)
    await world.pass_time(11)

    counts = await process.storage.counts()

    assert counts.total == 2
    for status in (TaskStatus.NEW, TaskStatus.DELAYED):
        assert len(await process.storage.find(Query(statuses=frozenset({status})))) == counts[status] == 1


async def test_watch_tells_one_from_true(world: World) -> None:
    """A value that is equal in Python, but another one in JSON, is told."""
    process = await world.process()
    config = process.storage.global_config
    await config.set("group", "key", 1)
    watch = asyncio.ensure_future(config.watch("group", {"key": 1}))
    await world.still_waits(watch)

    await config.set("group", "key", True)

    assert (await world.at_once(watch))["key"] is True


async def test_deleting_counts_only_what_was_there(world: World, ask: Any) -> None:
    """Records that were gone for every reader are removed, and not counted."""
    process = await world.process()
    await process.publish(*world.messages(2))
    worker = await process.worker()
    stays, goes = await worker.fetch_number(2)
    await process.finish(stays)
    await process.finish(goes, remove_at=world.clock.now() + 1)
    await world.pass_time(2)

    assert await process.storage.delete_finished() == 1
    assert ask("SELECT count(*) FROM task") == [(0,)]


async def test_negative_limit_is_none_at_all(world: World) -> None:
    """A limit below zero gives nothing and ends nothing; to SQLite it would mean no limit."""
    process = await world.process()
    await process.publish(world.message())

    assert await process.purge(limit=-1) == []
    assert await process.storage.find(Query(limit=-1)) == []
    assert await process.broker.peek("default", -1) == []
    assert (await process.storage.counts())[TaskStatus.NEW] == 1


@pytest.mark.parametrize("own", ["", "known"])
async def test_worker_of_an_unknown_boot_is_there(world: World, ask: Any, own: str) -> None:
    """Where a boot cannot be named, only the time says that an announcement has run out."""
    process = await world.process()
    config, engine = process.storage.global_config, _engine(process)
    first, second = (_worker(world, name) for name in ("first", "second"))
    engine.clock_id = own
    await config.announce(first, 30)
    (answer,) = await config.admit([Ask("key", "task", first.id, concurrency=1)], 0)
    assert answer.granted
    engine.clock_id = "" if own else "known"

    await config.announce(second, 30)

    assert {worker.id for worker in await config.workers()} == {first.id, second.id}
    (answer,) = await config.admit([Ask("key", "other", second.id, concurrency=1)], 0)
    assert not answer.granted
    assert ask("SELECT count(*) FROM permit") == [(1,)]


def _worker(world: World, name: str) -> WorkerInfo:
    return replace(this_worker(["default"], 1, world.clock.now()), id=name)


@pytest.mark.parametrize(
    "kind",
    ["fuse.cephfs", "fuse.blobfuse2", "panfs", "quobyte", "fuse.s3ql", "fuse.alluxio-fuse", "nfs4"],
)
def test_network_file_systems_are_known(kind: str) -> None:
    """Locks do not hold there."""
    assert reach_of(kind) is Reach.NETWORK


async def test_log_that_a_large_transaction_has_made_long_blames_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody reads, so the warning says what else it may be."""
    monkeypatch.setattr(_files, "LONG_LOG", 1_000_000)
    process = await world.process()

    with caplog.at_level(logging.WARNING, "qtasks.sqlite"):
        await process.publish(*world.messages(30, body=b"x" * 100_000))
        await process.publish(world.message())

    (told,) = [record.getMessage() for record in caplog.records]
    assert "by a large transaction" in told
    assert "some process" not in told
