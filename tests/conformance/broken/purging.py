"""Emptying a queue (contract 8)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from conformance.mutating import around, breaks

from qtasks.memory import AsyncMemoryStorage, _cancelling
from qtasks.memory._board import Board
from qtasks.memory._item import Item
from qtasks.memory._lines import Lines
from qtasks.models import Cancel
from qtasks.status import TaskStatus


def replace_purge(patch: pytest.MonkeyPatch, new: Any) -> None:
    """Put another `purge` in place, which gets the old one first."""
    old = AsyncMemoryStorage.purge

    async def purge(storage: AsyncMemoryStorage, *args: Any) -> Any:
        return await new(old, storage, *args)

    patch.setattr(AsyncMemoryStorage, "purge", purge)


@breaks(
    "8", "purge_ends_all_that_waits", "purged_task_is_not_delivered", "storage:waiting_records_are_purged"
)
def purges_only_what_is_ready(patch: pytest.MonkeyPatch) -> None:
    """Leaves what is delayed and what is to be retried."""
    patch.setattr(Lines, "take_waiting", lambda lines, queue, limit: lines.take([queue], limit))
    patch.setattr(
        _cancelling,
        "_waits_in",
        lambda item, queue: item.status is TaskStatus.NEW and item.message.queue == queue,
    )


@breaks(
    "8", "purged_task_is_not_delivered", "purge_and_fetch_agree", "cancelled_and_purged_tasks_are_not_told"
)
def purges_the_records_alone(patch: pytest.MonkeyPatch) -> None:
    """Leaves the entries in the queue."""

    @around(patch, Board, "end")
    def end(old: Any, board: Board, item: Item, reason: str, remove_at: Any, now: float) -> None:
        due = item.due
        old(board, item, reason, remove_at, now)
        board._enqueue(item, due, now)


@breaks("8", "purge_leaves_what_runs")
def purges_what_runs(patch: pytest.MonkeyPatch) -> None:
    """Has what is in the hands of workers cancelled too."""

    async def purge(old: Any, storage: AsyncMemoryStorage, queue: str, reason: str, *rest: Any) -> Any:
        items = storage._hub._items.values()
        await storage.cancel([Cancel(i.message.id, reason) for i in items if i.status is TaskStatus.PROCESS])
        return await old(storage, queue, reason, *rest)

    replace_purge(patch, purge)


@breaks("8", "purge_leaves_other_queues", "storage:waiting_records_are_purged")
def purges_every_queue(patch: pytest.MonkeyPatch) -> None:
    """Empties all queues."""

    async def purge(old: Any, storage: AsyncMemoryStorage, _queue: str, *rest: Any) -> Any:
        queues = {item.message.queue for item in storage._hub._items.values()}
        return [task_id for queue in queues for task_id in await old(storage, queue, *rest)]

    replace_purge(patch, purge)


@breaks("8", "purge_leaves_what_has_ended")
def purges_what_has_ended(patch: pytest.MonkeyPatch) -> None:
    """Makes `cancel` of every end."""

    async def purge(old: Any, storage: AsyncMemoryStorage, *args: Any) -> Any:
        for item in storage._hub._items.values():
            if item.is_final:
                item.status = TaskStatus.CANCEL
        return await old(storage, *args)

    replace_purge(patch, purge)


@breaks("8", "purge_goes_up_to_its_limit", "storage:waiting_records_are_purged")
def purges_without_a_limit(patch: pytest.MonkeyPatch) -> None:
    """Ends all at once, in one step that others wait for."""

    async def purge(old: Any, storage: AsyncMemoryStorage, queue: str, reason: str, at: Any, _: int) -> Any:
        return await old(storage, queue, reason, at, 10**9)

    replace_purge(patch, purge)


@breaks("8", "purge_and_fetch_agree")
def looks_before_it_purges(patch: pytest.MonkeyPatch) -> None:
    """Takes a moment between the look at a queue and its end, and tells what it has seen."""

    async def purge(
        old: Any, storage: AsyncMemoryStorage, queue: str, reason: str, at: Any, limit: int
    ) -> Any:
        items = storage._hub._items.values()
        seen = [item.message.id for item in items if item.status is TaskStatus.NEW][:limit]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await old(storage, queue, reason, at, limit)
        return seen

    replace_purge(patch, purge)


@breaks("8", "purge_touches_its_own_app_only")
def purges_every_app(patch: pytest.MonkeyPatch) -> None:
    """Empties the queue of this name in all apps of the place."""

    async def purge(old: Any, storage: AsyncMemoryStorage, *args: Any) -> Any:
        own, ended = storage._started, []
        for hub in storage.location._hubs.values():
            storage._started = hub
            ended += await old(storage, *args)
        storage._started = own
        return ended

    replace_purge(patch, purge)
