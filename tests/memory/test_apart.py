"""A memory broker whose records are at another place, and records whose queue is elsewhere."""

from __future__ import annotations

import pytest

from qtasks.dispatch import Dispatch
from qtasks.ids import new_id
from qtasks.memory import AsyncMemoryBroker, AsyncMemoryStorage
from qtasks.models import Cancel, Cancelled, Delivery, GiveBack, GiveBackReason, Message, Outcome, Signal
from qtasks.status import TaskStatus
from qtasks.testing import TestSetup
from qtasks.testing.clock import FakeClock
from qtasks.worker.identity import this_worker


class Apart:
    """Queues at one place and records at another."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.setup = TestSetup(clock=self.clock)
        self.storage = AsyncMemoryStorage(f"memory://{new_id()}")
        self.broker = AsyncMemoryBroker(f"memory://{new_id()}", storage=self.storage)
        self.worker = this_worker(["default"], 1, 0.0)

    async def start(self) -> None:
        await self.storage.start(self.setup)
        await self.broker.start(self.setup)
        self.dispatch = Dispatch(self.broker, self.storage)
        self.consumer = await self.broker.open_consumer(self.worker, ["default"])

    async def publish(self) -> str:
        message = Message(new_id(), "add", "default", 0, b"{}", self.clock.now())
        await self.dispatch.publish([message])
        return message.id

    async def fetch(self) -> Delivery:
        (delivery,) = await self.consumer.fetch(1)
        return delivery

    async def cancel(self, task_id: str) -> Cancelled:
        (answer,) = await self.storage.cancel([Cancel(task_id, "asked")])
        await self.broker.discard([task_id], "asked")
        return answer

    async def status(self, task_id: str) -> TaskStatus | None:
        (record,) = await self.storage.get([task_id])
        return None if record is None else record.status


@pytest.fixture
async def apart() -> Apart:
    """Return both, started."""
    both = Apart()
    await both.start()
    return both


async def test_waiting_entry_is_dropped(apart: Apart) -> None:
    """What was cancelled before anybody had it is gone from the queue at once."""
    task_id = await apart.publish()

    assert await apart.cancel(task_id) is Cancelled.ENDED

    assert await apart.broker.queues() == []
    assert await apart.status(task_id) is TaskStatus.CANCEL


async def test_holder_is_told_by_the_queue(apart: Apart) -> None:
    """The storage notes the wish, and the queue tells the worker that holds the task."""
    task_id = await apart.publish()
    delivery = await apart.fetch()
    await apart.storage.begin([delivery], apart.worker.id)

    assert await apart.cancel(task_id) is Cancelled.ASKED

    assert await apart.consumer.signals() == [Signal(task_id, delivery.token, "asked")]
    await apart.dispatch.give_back([GiveBack(task_id, delivery.token, GiveBackReason.STOPPED)])
    assert (await apart.fetch()).cancel == "asked"


async def test_lost_delivery_comes_again_with_the_wish(apart: Apart) -> None:
    """What a lease has lost is in hand for its record: it is not dropped, so that somebody can end it."""
    task_id = await apart.publish()
    await apart.storage.begin([await apart.fetch()], apart.worker.id)
    apart.clock.advance(apart.setup.config.lease + 1)

    assert await apart.cancel(task_id) is Cancelled.ASKED

    again = await apart.fetch()
    assert again.cancel == "asked"
    assert await apart.dispatch.begin([again], apart.worker.id) == [again]
    await apart.dispatch.settle([Outcome(task_id, again.token, TaskStatus.CANCEL, 0.0, reason="asked")])
    assert await apart.status(task_id) is TaskStatus.CANCEL
    assert await apart.broker.queues() == []


async def test_delivery_between_fetch_and_record_is_refused(apart: Apart) -> None:
    """A task that was cancelled while its delivery was on the way is not run, and its entry goes."""
    task_id = await apart.publish()
    delivery = await apart.fetch()

    assert await apart.cancel(task_id) is Cancelled.ENDED

    assert await apart.dispatch.begin([delivery], apart.worker.id) == []
    assert await apart.broker.queues() == []


async def test_discard_leaves_joined_records_alone() -> None:
    """Where the records are beside the queue nothing is dropped that the storage has not ended."""
    broker, setup = AsyncMemoryBroker(), TestSetup()
    await broker.storage.start(setup)
    await broker.start(setup)
    message = Message(new_id(), "add", "default", 0, b"{}", 0.0)
    await broker.publish([message])

    await broker.discard([message.id], "asked")

    assert await broker.peek("default", 1) == [message.id]
