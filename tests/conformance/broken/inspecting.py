"""What queues hold, and what is next in them (contract 8)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from conformance.mutating import breaks

from qtasks.memory import AsyncMemoryBroker
from qtasks.memory._hub import Hub
from qtasks.models import GiveBack, GiveBackReason, QueueInfo


def replace_method(patch: pytest.MonkeyPatch, name: str, new: Any) -> None:
    """Put another method of the broker in place, which gets the old one first."""
    old = getattr(AsyncMemoryBroker, name)

    async def method(broker: AsyncMemoryBroker, *args: Any) -> Any:
        return await new(old, broker, *args)

    patch.setattr(AsyncMemoryBroker, name, method)


async def once_for_each_app(old: Any, broker: AsyncMemoryBroker, *args: Any) -> Any:
    """Return what a method answers for all apps of the place together."""
    own, answers = broker._running, []
    for hub in broker.location._hubs.values():
        broker._started = hub, own[1]
        answers += await old(broker, *args)
    broker._started = own
    return answers


@breaks("8", "queues_tell_what_they_hold", "oldest_tells_how_long_the_queue_waits")
def counts_everything_as_ready(patch: pytest.MonkeyPatch) -> None:
    """Makes no difference between ready, delayed and running."""

    async def queues(old: Any, broker: AsyncMemoryBroker) -> Any:
        return [
            msgspec.structs.replace(info, ready=info.ready + info.delayed + info.running)
            for info in await old(broker)
        ]

    replace_method(patch, "queues", queues)


@breaks("8", "queue_that_holds_nothing_is_not_told", "cancelled_and_purged_tasks_are_not_told")
def tells_of_every_queue_there_was(patch: pytest.MonkeyPatch) -> None:
    """Shows queues that hold nothing any more."""
    known: set[str] = set()

    async def queues(old: Any, broker: AsyncMemoryBroker) -> Any:
        infos = {info.name: info for info in await old(broker)}
        known.update(infos)
        return [infos.get(name) or QueueInfo(name, 0, 0, 0) for name in sorted(known)]

    replace_method(patch, "queues", queues)


@breaks("8", "oldest_tells_how_long_the_queue_waits")
def takes_the_next_one_for_the_oldest(patch: pytest.MonkeyPatch) -> None:
    """Tells since when the task waits that comes next."""

    async def queues(old: Any, broker: AsyncMemoryBroker) -> Any:
        infos = []
        for info in await old(broker):
            ids = await broker.peek(info.name, 1)
            since = [broker._running[0]._items[task_id].since for task_id in ids]
            infos.append(msgspec.structs.replace(info, oldest=since[0] if since else None))
        return infos

    replace_method(patch, "queues", queues)


@breaks("8", "what_has_become_due_is_ready")
def sees_what_is_due_at_the_next_fetch(patch: pytest.MonkeyPatch) -> None:
    """Counts a task as delayed until somebody fetches."""
    _blind_in_queues(patch, "_ripen")


@breaks("8", "what_a_lost_worker_had_is_ready")
def sees_what_is_lost_at_the_next_fetch(patch: pytest.MonkeyPatch) -> None:
    """Counts a task as running until somebody fetches."""
    _blind_in_queues(patch, "_end_leases")


def _blind_in_queues(patch: pytest.MonkeyPatch, step: str) -> None:
    async def queues(old: Any, broker: AsyncMemoryBroker) -> Any:
        with pytest.MonkeyPatch.context() as blind:
            blind.setattr(Hub, step, lambda *_args: None)
            return await old(broker)

    replace_method(patch, "queues", queues)


@breaks("apps", "queues_of_another_app_are_not_told")
def shows_the_queues_of_every_app(patch: pytest.MonkeyPatch) -> None:
    """Counts what all apps of the place have in their queues."""
    replace_method(patch, "queues", once_for_each_app)


@breaks("apps", "queues_of_another_app_are_not_told")
def peeks_into_every_app(patch: pytest.MonkeyPatch) -> None:
    """Shows what is next in all apps of the place."""
    replace_method(patch, "peek", once_for_each_app)


@breaks("8", "peek_shows_what_is_next")
def peeks_by_age(patch: pytest.MonkeyPatch) -> None:
    """Shows the ready tasks in the order in which they came."""

    async def peek(old: Any, broker: AsyncMemoryBroker, queue: str, limit: int) -> Any:
        shown = set(await old(broker, queue, 10**6))
        return [task_id for task_id in broker._running[0]._items if task_id in shown][:limit]

    replace_method(patch, "peek", peek)


@breaks("8", "peek_takes_nothing")
def peeks_by_fetching(patch: pytest.MonkeyPatch) -> None:
    """Fetches what it shows and gives it back."""

    async def peek(old: Any, broker: AsyncMemoryBroker, queue: str, limit: int) -> Any:
        hub, shown = broker._running[0], await old(broker, queue, limit)
        items = hub.lines.take([queue], limit)
        hub.lines.clear()
        for item in items:
            item.deliver("peek", hub.clock.now())
            hub._moved(item, item.status)
            hub.give_back([GiveBack(item.message.id, item.token, GiveBackReason.STOPPED)])
        return shown

    replace_method(patch, "peek", peek)


@breaks("8", "peek_shows_ready_tasks_of_its_queue_only")
def peeks_at_everything(patch: pytest.MonkeyPatch) -> None:
    """Shows delayed and running tasks too."""

    async def peek(_old: Any, broker: AsyncMemoryBroker, queue: str, limit: int) -> Any:
        items = broker._running[0]._items.values()
        return [item.message.id for item in items if item.message.queue == queue][:limit]

    replace_method(patch, "peek", peek)
