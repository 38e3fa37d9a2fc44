"""Who waits for a result (contracts 9 and 10)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import Any

import msgspec
import pytest
from conformance.mutating import around, breaks

from qtasks.memory import AsyncMemoryBroker
from qtasks.memory._hub import Hub
from qtasks.memory._item import Item
from qtasks.memory._waits import Waits
from qtasks.models import Outcome
from qtasks.status import TaskStatus


@breaks("9", "waiter_sees_the_whole_change")
def tells_half_of_it(patch: pytest.MonkeyPatch) -> None:
    """Wakes who waits before the moment of the next attempt is written."""

    @around(patch, Item, "settle")
    def settle(old: Any, item: Item, outcome: Outcome, now: float) -> None:
        old(item, outcome, now)
        item.due = None


@breaks("9", "unknown_task_is_answered_at_once")
def waits_for_the_unknown(patch: pytest.MonkeyPatch) -> None:
    """Waits for ever for a task that was never there."""

    @around(patch, Hub, "wait")
    def wait(old: Any, hub: Hub, task_id: str, waiter: Any) -> None:
        if task_id in hub._items:
            old(hub, task_id, waiter)


@breaks("9", "finished_task_is_answered_at_once")
def waits_for_news_of_the_finished(patch: pytest.MonkeyPatch) -> None:
    """Hears only of ends that come after the wait began."""

    @around(patch, Hub, "wait")
    def wait(old: Any, hub: Hub, task_id: str, waiter: Any) -> None:
        item = hub._items.get(task_id)
        if item is None or not item.is_final:
            old(hub, task_id, waiter)


@breaks(
    "9",
    "waiter_in_another_process_is_woken",
    "every_waiter_is_woken",
    "wait_for_the_beginning",
    "storage:waiter_is_woken",
)
def wakes_no_waiter(patch: pytest.MonkeyPatch) -> None:
    """Leaves waiters to find out by themselves."""
    patch.setattr(Waits, "changed", lambda *_args: None)


@breaks("9", "every_waiter_is_woken")
def wakes_one_waiter_of_many(patch: pytest.MonkeyPatch) -> None:
    """Tells the first of those who wait for a task."""

    @around(patch, Waits, "changed")
    def changed(old: Any, waits: Waits, item: Item) -> None:
        del waits._waiters.get(item.message.id, [])[1:]
        old(waits, item)


@breaks("9", "removed_record_ends_the_wait")
def forgets_waiters_of_removed_records(patch: pytest.MonkeyPatch) -> None:
    """Lets somebody wait for ever for a record that was removed."""
    patch.setattr(Waits, "removed", lambda *_args: None)


@breaks("9", "retry_ends_no_wait_for_the_end")
def takes_a_retry_for_the_end(patch: pytest.MonkeyPatch) -> None:
    """Answers a waiter when an attempt has failed."""

    @around(patch, Waits, "wait")
    def wait(old: Any, waits: Waits, task_id: str, waiter: Any) -> None:
        waiter.until = {*waiter.until, TaskStatus.RETRY}
        old(waits, task_id, waiter)


@breaks("10", "state_and_result_appear_together")
def writes_the_result_after_the_status(patch: pytest.MonkeyPatch) -> None:
    """Shows `success` a moment before its result."""
    settle = AsyncMemoryBroker.settle

    async def in_two_steps(broker: AsyncMemoryBroker, outcomes: Sequence[Outcome]) -> Any:
        bare = [msgspec.structs.replace(outcome, result=None) for outcome in outcomes]
        answers = await settle(broker, bare)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for outcome in outcomes:
            broker._running[0]._items[outcome.id].result = outcome.result
        return answers

    patch.setattr(AsyncMemoryBroker, "settle", in_two_steps)


@breaks("9", "wake_up_of_a_waiter_is_never_lost")
def loses_a_waiter_now_and_then(patch: pytest.MonkeyPatch) -> None:
    """Misses one waiter of fifty, as a race would."""
    told = count(1)

    @around(patch, Waits, "changed")
    def changed(old: Any, waits: Waits, item: Item) -> None:
        if not item.is_final or next(told) % 50:
            old(waits, item)
