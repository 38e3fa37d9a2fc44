"""What a call costs does not grow with the number of tasks."""

from __future__ import annotations

import time

from qtasks.ids import new_id
from qtasks.memory import AsyncMemoryBroker
from qtasks.models import Message, Outcome
from qtasks.status import TaskStatus
from qtasks.testing import TestSetup
from qtasks.worker.identity import this_worker


async def test_a_call_costs_the_same_among_fifty_thousand_tasks() -> None:
    """Publish, fetch and settle among 50,000 waiting tasks take at most ten times as long as among 500."""
    among_few, among_many = await seconds_for_a_round(500), await seconds_for_a_round(50_000)

    assert among_many <= 10 * among_few + 0.005


async def seconds_for_a_round(number: int) -> float:
    """Return the shortest of twenty rounds of one task among so many others."""
    broker, setup = AsyncMemoryBroker(), TestSetup()
    await broker.storage.start(setup)
    await broker.start(setup)
    now = setup.clock.now()
    await broker.publish([_message(now, priority=0) for _ in range(number // 2)])
    await broker.publish([_message(now, due=now + 3_600 + i) for i in range(number // 2)])
    consumer = await broker.open_consumer(this_worker(["default"], 1, now), ["default"])
    rounds = []
    for _ in range(20):
        begun = time.perf_counter()
        await broker.publish([_message(now, priority=9)])
        (delivery,) = await consumer.fetch(1)
        await broker.settle([Outcome(delivery.id, delivery.token, TaskStatus.SUCCESS, now)])
        await broker.storage.counts()
        rounds.append(time.perf_counter() - begun)
    return min(rounds)


def _message(now: float, *, priority: int = 0, due: float | None = None) -> Message:
    return Message(new_id(), "add", "default", priority, b"{}", now, due)
