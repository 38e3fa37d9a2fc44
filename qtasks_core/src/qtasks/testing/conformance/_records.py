"""Steps of a storage that the tests play by hand, where the queue is elsewhere."""

from __future__ import annotations

from typing import Any

from qtasks.models import Delivery, Outcome, Token
from qtasks.protocols import Storage
from qtasks.status import TaskStatus
from qtasks.testing.conformance._world import World


def delivery_of(task_id: str, token: Token, losses: int = 0) -> Delivery:
    """Return what a broker elsewhere would deliver."""
    return Delivery(task_id, "add", "default", 0, b"{}", token, 0.0, 0.0, losses=losses)


async def added(world: World, storage: Storage, **values: Any) -> Delivery:
    """Write the record of a new task, and return its first delivery."""
    message = world.message(**values)
    await storage.add([message])
    return delivery_of(message.id, Token(1, 1, 1))


async def begun(world: World, storage: Storage, worker: str = "w", **values: Any) -> Delivery:
    """Write the record of a new task, and let a worker begin it."""
    delivery = await added(world, storage, **values)
    answers = await storage.begin([delivery], worker)

    assert list(answers) == [True]
    return delivery


def outcome_of(
    delivery: Delivery, status: TaskStatus = TaskStatus.SUCCESS, at: float = 1.0, **values: Any
) -> Outcome:
    """Return how it ended."""
    return Outcome(delivery.id, delivery.token, status, at, **{"started_at": at, **values})
