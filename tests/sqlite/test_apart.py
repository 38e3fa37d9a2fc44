"""Records in the file of tasks that another broker queues, and the other way round."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from qtasks.memory import AsyncMemoryBroker, AsyncMemoryStorage
from qtasks.models import Outcome, Token
from qtasks.status import TaskStatus
from qtasks.testing.conformance import World
from qtasks_sqlite import AsyncSQLiteBroker, AsyncSQLiteStorage, _expiry

Ask = Callable[..., list[tuple[Any, ...]]]


async def test_records_under_another_broker_are_removed(
    url: str, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no consumer of this file does it, the storage itself removes records that have had their time."""
    monkeypatch.setattr(_expiry, "EXPIRY_INTERVAL", 0.02)
    world = World(lambda: asyncio.sleep(0, AsyncMemoryBroker(storage=AsyncSQLiteStorage(url))))
    process = await world.process()
    await process.finished(remove_at=world.clock.now() + 10)
    assert ask("SELECT count(*) FROM task") == [(1,)]

    await world.pass_time(11)

    async with asyncio.timeout(world.patience):
        while ask("SELECT count(*) FROM task") != [(0,)]:
            await asyncio.sleep(0.01)
    await world.close()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "qtasks-sqlite-expiry"]


async def test_entry_of_an_earlier_epoch_gives_way(url: str, ask: Ask) -> None:
    """A later epoch replaces a held entry, and what its deliveries say afterwards changes nothing."""
    world = World(lambda: asyncio.sleep(0, AsyncSQLiteBroker(url, storage=AsyncMemoryStorage())))
    process = await world.process()
    message = world.message(body=b"first", priority=3)
    await process.broker.publish([message])
    held = await (await process.worker()).consumer.fetch(1)

    later = world.message(id=message.id, body=b"later", token=Token(2, 1, 0))
    await process.broker.publish([later])
    await process.broker.publish([later])
    await process.broker.settle(
        [Outcome(message.id, held[0].token, TaskStatus.SUCCESS, world.clock.now(), world.clock.now())]
    )

    assert ask("SELECT body, priority, epoch, delivery, holder, losses FROM task") == [
        (b"later", 0, 2, 1, None, 0)
    ]
    (again,) = await (await process.worker()).consumer.fetch(1)
    assert (again.body, again.token) == (b"later", Token(2, 1, 2))
    await world.close()
