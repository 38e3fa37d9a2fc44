"""What a call costs does not grow with the number of tasks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from qtasks.errors import BackendUnavailable
from qtasks.ids import new_id
from qtasks.memory import AsyncMemoryBroker
from qtasks.memory._permits import FEW, Permits
from qtasks.models import Ask, Cancel, Message, Outcome, Query, UniqueKey
from qtasks.status import FINAL, TaskStatus
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


async def test_unique_key_costs_the_same_among_twenty_thousand_ended_ones() -> None:
    """A look for a task that keeps others away passes over those with its key that have ended."""
    among_few, among_many = (
        await seconds_for_a_unique_publish(200),
        await seconds_for_a_unique_publish(20_000),
    )

    assert among_many <= 10 * among_few + 0.001


async def seconds_for_a_unique_publish(number: int) -> float:
    """Return the shortest of twenty publishes of a key that so many have had, all of them ended."""
    broker, now = await _started()
    waiting = frozenset(set(TaskStatus) - FINAL)
    rounds = []
    for _ in range(number):
        await broker.publish([first := _message(now, unique=UniqueKey("key", waiting))])
        await broker.storage.cancel([Cancel(first.id, "asked")])
    for _ in range(20):
        begun = time.perf_counter()
        await broker.publish([last := _message(now, unique=UniqueKey("key", waiting))])
        rounds.append(time.perf_counter() - begun)
        await broker.storage.cancel([Cancel(last.id, "asked")])
    return min(rounds)


async def test_purge_costs_the_same_among_fifty_thousand_ended_ones() -> None:
    """A purge that is repeated until nothing waits does not look again at what it has ended."""
    among_few, among_many = await seconds_for_a_purge(50), await seconds_for_a_purge(50_000)

    assert among_many <= 10 * among_few + 0.001


async def seconds_for_a_purge(number: int) -> float:
    """Return the shortest of twenty purges of ten tasks among the records of so many purged ones."""
    broker, now = await _started()
    await broker.publish([_message(now) for _ in range(number)])
    assert len(await broker.storage.purge("default", "asked", None, number)) == number
    rounds = []
    for _ in range(20):
        await broker.publish([_message(now) for _ in range(10)])
        begun = time.perf_counter()
        assert len(await broker.storage.purge("default", "asked", None, 10)) == 10
        rounds.append(time.perf_counter() - begun)
    return min(rounds)


async def test_limit_below_zero_gives_nothing() -> None:
    """A purge, a query and a peek with a negative limit do nothing and find nothing."""
    broker, now = await _started()
    await broker.publish([_message(now), _message(now, due=now + 3_600)])

    assert list(await broker.storage.purge("default", "asked", None, -1)) == []
    assert list(await broker.storage.find(Query(limit=-1))) == []
    assert list(await broker.peek("default", -1)) == []


async def test_answer_that_is_there_is_not_lost_by_a_stop() -> None:
    """Who waits for a task that ends just before the stop gets its record; who listens is told of it."""
    broker, now = await _started()
    await broker.publish([ended := _message(now), other := _message(now)])
    waiting = asyncio.ensure_future(broker.storage.wait(ended.id, FINAL))
    listening = asyncio.ensure_future(broker.storage.listen(other.id, 0, 0))
    await asyncio.wait({waiting, listening}, timeout=0.01)

    await broker.storage.cancel([Cancel(ended.id, "asked")])
    await broker.storage.stop()

    async with asyncio.timeout(30):
        record = await waiting
        with pytest.raises(BackendUnavailable, match="start the app again"):
            await listening
    assert record is not None
    assert record.status is TaskStatus.CANCEL


@pytest.mark.parametrize("delay", [None, 1e8])
async def test_what_was_cancelled_leaves_the_queues(delay: float | None) -> None:
    """Cancelled tasks take no room in a queue that nobody serves, nor until a moment years away."""
    broker, now = await _started()
    due = None if delay is None else now + delay
    for _ in range(10):
        await broker.publish(messages := [_message(now, due=due) for _ in range(1_000)])
        await broker.storage.cancel([Cancel(message.id, "asked", now) for message in messages])
    lines = broker._running[0].lines

    assert len(lines._due) + sum(map(len, lines._ready.values())) <= 2_000
    assert await broker.queues() == []


async def test_removed_records_leave_no_keys() -> None:
    """A unique key takes no room once the records that have had it are gone."""
    broker, now = await _started()
    message = _message(now, unique=UniqueKey("key", FINAL))
    await broker.publish([message])
    await broker.storage.cancel([Cancel(message.id, "asked")])

    assert await broker.storage.delete([message.id]) == 1

    assert broker._running[0]._keys._tasks == {}


def test_limits_that_are_over_take_no_room() -> None:
    """Keys that were limited once, such as one for each user, are forgotten."""
    permits = Permits()

    for moment in range(5 * FEW):
        permits.admit([Ask(f"{moment}", "task", "me", 1, 1.0)], 0, float(moment), lambda _worker: True)
        permits.release("me", ["task"])

    assert len(permits._starts) <= FEW + 2
    assert (permits._holders, permits._keys) == ({}, {})


WAITS: dict[str, Callable[[AsyncMemoryBroker, str], Awaitable[object]]] = {
    "wait": lambda broker, task_id: broker.storage.wait(task_id, FINAL),
    "listen": lambda broker, task_id: broker.storage.listen(task_id, 0, 0),
    "watch": lambda broker, _task_id: broker.storage.global_config.watch("pauses", {}),
}


@pytest.mark.parametrize("kind", WAITS)
async def test_cancelled_wait_leaves_nothing(kind: str) -> None:
    """Who gives up waiting is forgotten."""
    broker, now = await _started()
    await broker.publish([message := _message(now)])
    waiting = [asyncio.ensure_future(WAITS[kind](broker, message.id)) for _ in range(10)]
    await asyncio.wait(waiting, timeout=0.01)
    hub, notes = broker._running[0], broker.location.notes("tests")
    assert len(hub.waits._waiters.get(message.id, ())) + len(notes._watchers) == 10

    for each in waiting:
        each.cancel()
    await asyncio.wait(waiting)

    assert all(each.cancelled() for each in waiting)
    assert (hub.waits._waiters, notes._watchers) == ({}, {})


async def test_cancelled_wait_for_signals_loses_none() -> None:
    """A wish that comes while nobody waits for signals is told to the next who does."""
    broker, now = await _started()
    await broker.publish([message := _message(now)])
    consumer = await broker.open_consumer(this_worker(["default"], 1, now), ["default"])
    (delivery,) = await consumer.fetch(1)
    waiting = asyncio.ensure_future(consumer.signals())
    await asyncio.wait({waiting}, timeout=0.01)

    await broker.storage.cancel([Cancel(message.id, "asked")])
    waiting.cancel()
    await asyncio.wait({waiting})

    async with asyncio.timeout(30):
        (signal,) = await consumer.signals()
    assert (signal.id, signal.token, signal.reason) == (message.id, delivery.token, "asked")


async def test_closed_consumer_gets_no_mail() -> None:
    """The box of a consumer goes with it."""
    broker, now = await _started()
    consumer = await broker.open_consumer(this_worker(["default"], 1, now), ["default"])
    boxes = broker._running[0].mail._boxes
    assert len(boxes) == 1

    await consumer.close()

    assert len(boxes) == 0


async def _started() -> tuple[AsyncMemoryBroker, float]:
    broker, setup = AsyncMemoryBroker(), TestSetup()
    await broker.storage.global_config.start(setup)
    await broker.storage.start(setup)
    await broker.start(setup)
    return broker, setup.clock.now()


def _message(
    now: float, *, priority: int = 0, due: float | None = None, unique: UniqueKey | None = None
) -> Message:
    return Message(new_id(), "add", "default", priority, b"{}", now, due, unique=unique)
