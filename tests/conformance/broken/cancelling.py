"""Wishes that tasks be cancelled (contract 8)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from conformance.mutating import around, breaks

from qtasks.memory import AsyncMemoryBroker, AsyncMemoryStorage, _cancelling
from qtasks.memory._board import Board
from qtasks.memory._item import Item
from qtasks.memory._waits import Waits
from qtasks.memory.consumer import MemoryConsumer
from qtasks.models import Cancel, Cancelled, Delivery, Message, Outcome, Record
from qtasks.status import WAITING, TaskStatus


async def look(storage: AsyncMemoryStorage, task_id: str) -> Record | None:
    """Return a record as it is."""
    (record,) = await storage.get([task_id])
    return record


@breaks(
    "8",
    "cancelled_task_is_not_delivered",
    "delayed_task_is_cancelled",
    "retried_task_is_cancelled",
    "entry_that_was_not_discarded_is_not_run",
    "task_that_waits_again_is_cancelled_at_once",
    "discard_is_a_hint",
)
def leaves_the_cancelled_in_the_queue(patch: pytest.MonkeyPatch) -> None:
    """Writes `cancel` into the record and delivers the task all the same."""

    @around(patch, Board, "end")
    def end(old: Any, board: Board, item: Item, reason: str, remove_at: Any, now: float) -> None:
        due = item.due
        old(board, item, reason, remove_at, now)
        board._enqueue(item, due, now)


@breaks(
    "8",
    "waiting_task_is_cancelled_at_once",
    "waiter_hears_of_a_cancel",
    "storage:waiting_record_is_cancelled",
)
def cancels_without_a_word(patch: pytest.MonkeyPatch) -> None:
    """Keeps no reason of a cancel."""
    cancel = AsyncMemoryStorage.cancel

    async def silent(storage: AsyncMemoryStorage, wishes: Sequence[Cancel]) -> Any:
        return await cancel(storage, [msgspec.structs.replace(wish, reason="") for wish in wishes])

    patch.setattr(AsyncMemoryStorage, "cancel", silent)


@breaks("8", "waiting_task_is_cancelled_at_once", "retried_task_is_cancelled", "purge_ends_all_that_waits")
def counts_a_cancel_as_an_attempt(patch: pytest.MonkeyPatch) -> None:
    """Takes the end of a task that waits for a run."""

    @around(patch, Item, "end")
    def end(old: Any, item: Item, *rest: Any) -> None:
        old(item, *rest)
        item.attempts += 1


@breaks(
    "8",
    "waiter_hears_of_a_cancel",
    "waiter_hears_of_a_purge",
    "cancel_of_a_waiting_task_ends_the_listening",
    "storage:waiting_record_is_cancelled",
)
def tells_no_waiter_of_a_cancel(patch: pytest.MonkeyPatch) -> None:
    """Lets somebody wait for ever for a task that was cancelled."""

    @around(patch, Waits, "changed")
    def changed(old: Any, waits: Waits, item: Item) -> None:
        if item.status is not TaskStatus.CANCEL:
            old(waits, item)


@breaks("11", "cancelled_record_expires_at_its_moment", "purged_record_expires_at_its_moment")
def keeps_what_was_cancelled_for_ever(patch: pytest.MonkeyPatch) -> None:
    """Forgets when a record may go that a cancel has ended."""

    @around(patch, Item, "end")
    def end(old: Any, item: Item, reason: str, _remove_at: Any, now: float) -> None:
        old(item, reason, None, now)


@breaks(
    "8",
    "wish_is_noted_on_what_runs",
    "lost_task_comes_again_with_its_wish",
    "given_back_task_comes_again_with_its_wish",
    "retried_task_comes_again_with_its_wish",
    "wish_is_kept_when_everybody_restarts",
    "worker_is_told_of_a_wish",
    "storage:wish_is_kept_with_the_record",
)
def notes_no_wish(patch: pytest.MonkeyPatch) -> None:
    """Says that a worker is told, and tells nobody."""
    cancel = AsyncMemoryStorage.cancel

    async def careless(storage: AsyncMemoryStorage, wishes: Sequence[Cancel]) -> Any:
        answers: list[Cancelled] = []
        for wish in wishes:
            record = await look(storage, wish.id)
            if record is not None and record.status is TaskStatus.PROCESS:
                answers.append(Cancelled.ASKED)
            else:
                answers += await cancel(storage, [wish])
        return answers

    patch.setattr(AsyncMemoryStorage, "cancel", careless)


@breaks(
    "8",
    "lost_task_comes_again_with_its_wish",
    "given_back_task_comes_again_with_its_wish",
    "retried_task_comes_again_with_its_wish",
    "wish_is_kept_when_everybody_restarts",
    "wish_concerns_its_task_alone",
)
def delivers_without_the_wish(patch: pytest.MonkeyPatch) -> None:
    """Lets a task run again whose worker was lost while it was to be cancelled."""
    fetch = MemoryConsumer.fetch

    async def forgetful(consumer: MemoryConsumer, limit: int) -> Any:
        return [msgspec.structs.replace(d, cancel=None) for d in await fetch(consumer, limit)]

    patch.setattr(MemoryConsumer, "fetch", forgetful)


@breaks("8", "wish_concerns_its_task_alone")
def takes_one_wish_for_all(patch: pytest.MonkeyPatch) -> None:
    """Cancels the neighbours of a cancelled task with it."""
    fetch = MemoryConsumer.fetch

    async def rash(consumer: MemoryConsumer, limit: int) -> list[Delivery]:
        fetched = await fetch(consumer, limit)
        wish = next((delivery.cancel for delivery in fetched if delivery.cancel), None)
        return [msgspec.structs.replace(delivery, cancel=wish) for delivery in fetched]

    patch.setattr(MemoryConsumer, "fetch", rash)


@breaks("8", "final_outcome_wins_over_a_wish")
def puts_the_wish_before_the_outcome(patch: pytest.MonkeyPatch) -> None:
    """Records `cancel` for a task that has ended by itself after all."""

    @around(patch, Item, "settle")
    def settle(old: Any, item: Item, outcome: Outcome, now: float) -> None:
        if item.cancel is not None:
            outcome = msgspec.structs.replace(outcome, status=TaskStatus.CANCEL)
        old(item, outcome, now)


@breaks(
    "8",
    "cancel_changes_nothing_that_has_ended",
    "final_outcome_wins_over_a_wish",
    "repeated_wish_is_answered_as_things_are",
)
def ends_what_has_ended(patch: pytest.MonkeyPatch) -> None:
    """Makes `cancel` of every end."""
    cancel = AsyncMemoryStorage.cancel

    async def overwrite(storage: AsyncMemoryStorage, wishes: Sequence[Cancel]) -> Any:
        answers = await cancel(storage, wishes)
        for wish, answer in zip(wishes, answers, strict=True):
            if answer is Cancelled.FINAL:
                item = storage._hub._items[wish.id]
                item.status, item.updated_at = TaskStatus.CANCEL, item.updated_at + 1
        return answers

    patch.setattr(AsyncMemoryStorage, "cancel", overwrite)


@breaks("8", "cancel_of_an_unknown_task_leaves_no_mark")
def remembers_wishes_for_the_unknown(patch: pytest.MonkeyPatch) -> None:
    """Cancels a task that comes after the wish, because it has its id."""
    cancel, publish = AsyncMemoryStorage.cancel, AsyncMemoryBroker.publish
    remembered: dict[str, Cancel] = {}

    async def remember(storage: AsyncMemoryStorage, wishes: Sequence[Cancel]) -> Any:
        remembered.update({wish.id: wish for wish in wishes})
        return await cancel(storage, wishes)

    async def publish_and_cancel(broker: AsyncMemoryBroker, messages: Sequence[Message]) -> Any:
        answer = await publish(broker, messages)
        wishes = [remembered[message.id] for message in messages if message.id in remembered]
        await broker.storage.cancel(wishes)
        return answer

    patch.setattr(AsyncMemoryStorage, "cancel", remember)
    patch.setattr(AsyncMemoryBroker, "publish", publish_and_cancel)


@breaks("8", "requeue_clears_the_wish", "storage:requeue_clears_the_record")
def requeue_keeps_the_wish(patch: pytest.MonkeyPatch) -> None:
    """Cancels what somebody has requeued because he wants it to run."""
    requeue, cancel = AsyncMemoryStorage.requeue, AsyncMemoryStorage.cancel
    wishes: dict[str, str] = {}

    async def remember(storage: AsyncMemoryStorage, asked: Sequence[Cancel]) -> Any:
        wishes.update({wish.id: wish.reason for wish in asked})
        return await cancel(storage, asked)

    async def keep(storage: AsyncMemoryStorage, ids: Sequence[str]) -> Any:
        messages = await requeue(storage, ids)
        for task_id in ids:
            storage._hub._items[task_id].cancel = wishes.get(task_id)
        return messages

    patch.setattr(AsyncMemoryStorage, "cancel", remember)
    patch.setattr(AsyncMemoryStorage, "requeue", keep)


@breaks("8", "cancelled_task_can_be_requeued", "purged_task_can_be_requeued")
def requeues_only_what_has_run(patch: pytest.MonkeyPatch) -> None:
    """Refuses to requeue what was cancelled before it ran."""
    requeue = AsyncMemoryStorage.requeue

    async def refuse(storage: AsyncMemoryStorage, ids: Sequence[str]) -> Any:
        records = await storage.get(ids)
        return await requeue(storage, [record.id if record and record.attempts else "" for record in records])

    patch.setattr(AsyncMemoryStorage, "requeue", refuse)


@breaks("8", "wishes_of_one_call_are_answered_one_by_one")
def gives_one_answer_for_all(patch: pytest.MonkeyPatch) -> None:
    """Answers every wish of a call like the first."""
    cancel = AsyncMemoryStorage.cancel

    async def repeat(storage: AsyncMemoryStorage, wishes: Sequence[Cancel]) -> Any:
        answers = await cancel(storage, wishes)
        return [answers[0]] * len(answers)

    patch.setattr(AsyncMemoryStorage, "cancel", repeat)


@breaks("3", "task_that_waits_again_is_cancelled_at_once")
def lets_a_late_outcome_undo_a_cancel(patch: pytest.MonkeyPatch) -> None:
    """Records an outcome over the `cancel` that came before it."""
    settle = AsyncMemoryBroker.settle

    async def undo(broker: AsyncMemoryBroker, outcomes: Sequence[Outcome]) -> Any:
        for outcome in outcomes:
            item = broker._running[0]._items.get(outcome.id)
            if item is not None and item.status is TaskStatus.CANCEL and item.settled is None:
                item.status = TaskStatus.PROCESS
        return await settle(broker, outcomes)

    patch.setattr(AsyncMemoryBroker, "settle", undo)


@breaks("8", "cancel_and_fetch_agree")
def looks_before_it_cancels(patch: pytest.MonkeyPatch) -> None:
    """Takes a moment between the look at a task and its end, in which a worker gets it."""
    cancel = AsyncMemoryStorage.cancel

    async def in_two_steps(storage: AsyncMemoryStorage, wishes: Sequence[Cancel]) -> Any:
        waited = [(record := await look(storage, w.id)) and record.status in WAITING for w in wishes]
        for _ in range(3):
            await asyncio.sleep(0)
        answers = await cancel(storage, wishes)
        return [Cancelled.ENDED if w else a for w, a in zip(waited, answers, strict=True)]

    patch.setattr(AsyncMemoryStorage, "cancel", in_two_steps)


@breaks("8", "second_wish_keeps_the_first_reason")
def takes_the_last_reason(patch: pytest.MonkeyPatch) -> None:
    """Writes the reason of a second wish over that of the first."""

    @around(patch, _cancelling, "_ask")
    def ask(old: Any, board: Board, item: Item, reason: str, now: float) -> None:
        item.cancel = None
        old(board, item, reason, now)


@breaks("8", "discard_is_a_hint")
def stumbles_over_what_is_discarded(patch: pytest.MonkeyPatch) -> None:
    """Raises where an entry is to be discarded that is not there."""
    discard = AsyncMemoryBroker.discard

    async def strict(broker: AsyncMemoryBroker, ids: Sequence[str], reason: str) -> None:
        assert all(broker._running[0]._items[task_id] for task_id in ids)
        await discard(broker, ids, reason)

    patch.setattr(AsyncMemoryBroker, "discard", strict)


@breaks("8", "apart:worker_is_told_of_a_wish")
def discards_nothing(patch: pytest.MonkeyPatch) -> None:
    """Leaves it to the storage alone to know of a cancel."""

    async def discard(*_args: Any) -> None:
        """Nothing."""

    patch.setattr(AsyncMemoryBroker, "discard", discard)


@breaks("8", "wishes_of_one_app_are_not_those_of_another")
def cancels_in_every_app(patch: pytest.MonkeyPatch) -> None:
    """Looks for a task in all apps of the place."""
    cancel = AsyncMemoryStorage.cancel

    async def everywhere(storage: AsyncMemoryStorage, wishes: Sequence[Cancel]) -> Any:
        own, answers = storage._started, []
        for hub in storage.location._hubs.values():
            storage._started = hub
            answers.append(await cancel(storage, wishes))
        storage._started = own
        return min(answers, key=lambda answer: answer[0] is Cancelled.UNKNOWN)

    patch.setattr(AsyncMemoryStorage, "cancel", everywhere)
