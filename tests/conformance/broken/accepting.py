"""Tasks on their way in (contract 1)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from conformance.mutating import around, breaks

from qtasks.memory import AsyncMemoryBroker, AsyncMemoryStorage
from qtasks.memory._hub import Hub
from qtasks.memory._location import Location
from qtasks.models import Message


@breaks("1", "accepted_task_has_a_record", "accepted_task_can_be_fetched", "storage:added_task_has_a_record")
def swallows(patch: pytest.MonkeyPatch) -> None:
    """Says that it has accepted a task and forgets it."""
    patch.setattr(Hub, "publish", lambda *_args, **_kwargs: None)


@breaks("1", "accepted_task_can_be_fetched")
def records_without_queueing(patch: pytest.MonkeyPatch) -> None:
    """Writes the record and no queue entry."""
    patch.setattr(Hub, "_enqueue", lambda *_args: None)


@breaks(
    "1",
    "repeated_publish_is_one_task",
    "repeated_publish_leaves_a_running_task_alone",
    "cancelled_task_is_not_revived",
)
def doubles_a_repeated_publish(patch: pytest.MonkeyPatch) -> None:
    """Queues a task again when its publish is repeated."""

    @around(patch, Hub, "publish")
    def publish(old: Any, hub: Hub, messages: Sequence[Message], *, queued: bool) -> None:
        for message in messages:
            hub._items.pop(message.id, None)
            old(hub, [message], queued=queued)


@breaks("1", "batch_is_seen_whole_or_not_at_all")
def publishes_one_by_one(patch: pytest.MonkeyPatch) -> None:
    """Lets others see a part of a batch."""
    publish = AsyncMemoryBroker.publish

    async def one_by_one(broker: AsyncMemoryBroker, messages: Sequence[Message]) -> None:
        for message in messages:
            await publish(broker, [message])
            await asyncio.sleep(0)

    patch.setattr(AsyncMemoryBroker, "publish", one_by_one)


@breaks("1", "bodies_arrive_byte_for_byte")
def cuts_bodies_at_zero_bytes(patch: pytest.MonkeyPatch) -> None:
    """Takes a body for a string of C."""

    @around(patch, Hub, "_add")
    def add(old: Any, hub: Hub, message: Message, now: float, *, queued: bool) -> None:
        body = message.body.partition(b"\0")[0]
        old(hub, msgspec.structs.replace(message, body=body), now, queued=queued)


@breaks(
    "1", "waiting_tasks_survive_a_restart", "delays_survive_a_restart", "stopped_component_can_start_again"
)
def forgets_at_stop(patch: pytest.MonkeyPatch) -> None:
    """Keeps tasks in the memory of the process that published them."""
    stop = AsyncMemoryBroker.stop

    async def forget(broker: AsyncMemoryBroker) -> None:
        if broker._started:
            broker._started[0].flush()
        await stop(broker)

    patch.setattr(AsyncMemoryBroker, "stop", forget)


@breaks("1", "storage:added_again_changes_nothing")
def adds_over_the_record(patch: pytest.MonkeyPatch) -> None:
    """Begins a record anew when it is added again."""
    add = AsyncMemoryStorage.add

    async def add_anew(storage: AsyncMemoryStorage, messages: Sequence[Message]) -> None:
        for message in messages:
            storage._hub._items.pop(message.id, None)
        await add(storage, messages)

    patch.setattr(AsyncMemoryStorage, "add", add_anew)


@breaks("1", "empty_batch_is_no_error")
def refuses_an_empty_batch(patch: pytest.MonkeyPatch) -> None:
    """Takes an empty batch for a mistake of the core."""

    @around(patch, Hub, "publish")
    def publish(old: Any, hub: Hub, messages: Sequence[Message], *, queued: bool) -> None:
        messages[0]
        old(hub, messages, queued=queued)


@breaks("1", "another_process_sees_accepted_tasks")
def keeps_tasks_in_the_process(patch: pytest.MonkeyPatch) -> None:
    """Gives each broker a place of its own, whatever its URL."""
    patch.setattr("qtasks.memory.broker.locate", lambda _url: Location())


@breaks("1", "many_publishers_at_once")
def loses_what_is_published_meanwhile(patch: pytest.MonkeyPatch) -> None:
    """Drops what comes while another publish is under way."""
    publish, busy = AsyncMemoryBroker.publish, [False]

    async def one_at_a_time(broker: AsyncMemoryBroker, messages: Sequence[Message]) -> None:
        if not busy[0]:
            busy[0] = True
            await publish(broker, messages)
            await asyncio.sleep(0)
            busy[0] = False

    patch.setattr(AsyncMemoryBroker, "publish", one_at_a_time)


@breaks("1", "names_are_any_text")
def knows_only_ascii(patch: pytest.MonkeyPatch) -> None:
    """Drops from a name what is not English."""

    @around(patch, Hub, "_add")
    def add(old: Any, hub: Hub, message: Message, now: float, *, queued: bool) -> None:
        task = message.task.encode("ascii", "ignore").decode()
        old(hub, msgspec.structs.replace(message, task=task), now, queued=queued)
