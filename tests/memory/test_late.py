"""A worker whose lease has run out while its body ran on."""

from __future__ import annotations

import asyncio

import pytest

from qtasks.ids import new_id
from qtasks.memory import AsyncMemoryBroker
from qtasks.memory.consumer import MemoryConsumer
from qtasks.models import Cancel, Cancelled, Delivery, Message, Outcome, Report, Settled, Signal
from qtasks.status import TaskStatus
from qtasks.testing import TestSetup
from qtasks.testing.clock import FakeClock
from qtasks.worker.identity import this_worker

WORKER = this_worker(["default"], 1, 0.0)

Late = tuple[AsyncMemoryBroker, MemoryConsumer, Delivery]


@pytest.fixture
async def late() -> Late:
    """Return a broker, a consumer, and the delivery that it has lost without knowing it."""
    broker, clock = AsyncMemoryBroker(), FakeClock()
    setup = TestSetup(clock=clock)
    await broker.storage.start(setup)
    await broker.start(setup)
    consumer = await broker.open_consumer(WORKER, ["default"])
    await broker.publish([Message(new_id(), "add", "default", 0, b"{}", 0.0)])
    (delivery,) = await consumer.fetch(1)
    clock.advance(setup.config.lease + 1)
    return broker, consumer, delivery


async def test_it_is_told_that_its_task_was_cancelled(late: Late) -> None:
    """The task waits and ends at once; the worker that may run it still is told, and its outcome is stale."""
    broker, consumer, delivery = late

    assert await broker.storage.cancel([Cancel(delivery.id, "asked")]) == [Cancelled.ENDED]

    async with asyncio.timeout(30):
        told = await consumer.signals()
    assert told == [Signal(delivery.id, delivery.token, "asked")]
    outcome = Outcome(delivery.id, delivery.token, TaskStatus.SUCCESS, 0.0, started_at=0.0)
    assert await broker.settle([outcome]) == [Settled.STALE]
    assert broker.keeper(WORKER).renew([(delivery.id, delivery.token)]) == []
    (record,) = await broker.storage.get([delivery.id])
    assert record is not None
    assert record.status is TaskStatus.CANCEL


async def test_its_reports_are_heard_like_its_outcome(late: Late) -> None:
    """What its body yields before it has renewed its lease is not missing when it comes back."""
    broker, _, delivery = late

    await broker.storage.report([Report(delivery.id, delivery.token, items=(b"late",))])

    heard = await broker.storage.listen(delivery.id, 0, 0)
    assert heard.items == (b"late",)
    assert heard.record is not None
    assert heard.record.status is TaskStatus.NEW


async def test_it_finds_wishes_when_it_opens_again(late: Late) -> None:
    """A consumer that is opened for a worker that holds something hears of the wishes for it."""
    broker, consumer, _ = late
    (again,) = await consumer.fetch(1)
    await consumer.close()
    await broker.storage.cancel([Cancel(again.id, "asked")])

    reopened = await broker.open_consumer(WORKER, ["default"])

    async with asyncio.timeout(30):
        told = await reopened.signals()
    assert told == [Signal(again.id, again.token, "asked")]
