"""A clock that is moved by hand is noticed at once by whoever sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import pytest

from qtasks.ids import new_id
from qtasks.memory import AsyncMemoryBroker
from qtasks.models import Message, Outcome
from qtasks.status import FINAL, TaskStatus
from qtasks.testing import TestSetup
from qtasks.testing.clock import FakeClock
from qtasks.worker.identity import this_worker

T = TypeVar("T")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """Return a clock; nobody who sleeps looks again by itself."""
    monkeypatch.setattr("qtasks.memory._wake.LONGEST_SLEEP", 3_600.0)
    return FakeClock()


async def started(clock: FakeClock) -> AsyncMemoryBroker:
    """Start a broker on this clock."""
    broker, setup = AsyncMemoryBroker(), TestSetup(clock=clock)
    await broker.storage.start(setup)
    await broker.start(setup)
    return broker


async def asleep(awaitable: Awaitable[T]) -> asyncio.Future[T]:
    """Let the call come to rest."""
    waiting = asyncio.ensure_future(awaitable)
    await asyncio.wait({waiting}, timeout=0.01)

    assert not waiting.done()
    return waiting


def message(clock: FakeClock, due: float | None = None) -> Message:
    """Return a message."""
    return Message(new_id(), "add", "default", 0, b"{}", clock.now(), due)


@pytest.mark.parametrize("move", ["advance", "jump"])
async def test_sleeping_fetch_sees_what_is_due(clock: FakeClock, move: str) -> None:
    """A worker that sleeps gets a delayed task when the clock is moved past its moment."""
    broker = await started(clock)
    await broker.publish([message(clock, clock.now() + 3_600)])
    consumer = await broker.open_consumer(this_worker(["default"], 1, 0.0), ["default"])
    waiting = await asleep(consumer.fetch(1))

    getattr(clock, move)(3_601)

    async with asyncio.timeout(30):
        assert len(await waiting) == 1


async def test_sleeping_waiter_sees_that_the_record_expires(clock: FakeClock) -> None:
    """Who waits for a status that never comes is answered when the clock passes the record's end."""
    broker = await started(clock)
    await broker.publish([message(clock)])
    consumer = await broker.open_consumer(this_worker(["default"], 1, 0.0), ["default"])
    (delivery,) = await consumer.fetch(1)
    end = Outcome(delivery.id, delivery.token, TaskStatus.SUCCESS, 0.0, remove_at=clock.now() + 60)
    await broker.settle([end])
    waiting = await asleep(broker.storage.wait(delivery.id, FINAL - {TaskStatus.SUCCESS}))

    clock.advance(61)

    async with asyncio.timeout(30):
        assert await waiting is None


async def test_clock_is_moved_in_another_thread(clock: FakeClock) -> None:
    """It does not matter which thread moves the clock."""
    broker = await started(clock)
    await broker.publish([message(clock, clock.now() + 3_600)])
    consumer = await broker.open_consumer(this_worker(["default"], 1, 0.0), ["default"])
    waiting = await asleep(consumer.fetch(1))

    await asyncio.to_thread(clock.advance, 3_601)

    async with asyncio.timeout(30):
        assert len(await waiting) == 1


def test_subscriber_is_called_after_each_move() -> None:
    """Whoever subscribes sees the new time, once for each move, however often it has subscribed."""
    clock, seen = FakeClock(), list[float]()
    begun = clock.now()

    def note() -> None:
        seen.append(round(clock.now() - begun))

    clock.subscribe(note)
    clock.subscribe(note)
    clock.advance(100)
    clock.jump(-300)

    assert seen == [100, -200]


async def test_restarts_do_not_pile_up_on_the_clock(clock: FakeClock) -> None:
    """A place that is started often on one clock is told of each move once."""
    broker = AsyncMemoryBroker()
    for _ in range(3):
        setup = TestSetup(clock=clock)
        await broker.storage.global_config.start(setup)
        await broker.storage.start(setup)
        await broker.start(setup)

    assert len(clock._subscribers) == 2  # the tasks, and the small facts beside them
