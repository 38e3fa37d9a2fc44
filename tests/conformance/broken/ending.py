"""The end of a task, and the way back (contract 4)."""

from __future__ import annotations

from typing import Any

import pytest
from conformance.mutating import around, breaks

from qtasks.memory._hub import Hub
from qtasks.memory._item import Item, Spot
from qtasks.models import Outcome, Settled
from qtasks.status import TaskStatus


@breaks("4", "final_is_final")
def changes_what_is_final(patch: pytest.MonkeyPatch) -> None:
    """Lets a younger token overwrite the end of a task."""

    @around(patch, Hub, "_settle")
    def settle(old: Any, hub: Hub, outcome: Outcome, now: float) -> Any:
        item = hub._items.get(outcome.id)
        if item is None or not item.is_final:
            return old(hub, outcome, now)
        item.settle(outcome, now)
        return Settled.RECORDED


@breaks("4", "requeue_opens_an_epoch", "dead_task_can_be_requeued")
def requeue_keeps_counters(patch: pytest.MonkeyPatch) -> None:
    """Requeues a poisoned task with the losses that it died of."""

    @around(patch, Item, "reopen")
    def reopen(old: Any, item: Item, now: float) -> None:
        losses = item.losses
        old(item, now)
        item.losses = losses


@breaks("4", "only_what_has_ended_is_requeued")
def requeues_what_runs(patch: pytest.MonkeyPatch) -> None:
    """Queues a task a second time while it runs."""

    @around(patch, Hub, "_requeue")
    def requeue(old: Any, hub: Hub, task_id: str, now: float) -> Any:
        item = hub._items.get(task_id)
        if item is None or item.status is not TaskStatus.PROCESS:
            return old(hub, task_id, now)
        hub._enqueue(item, None, now)
        return item.message


@breaks("4", "requeued_task_comes_again")
def requeue_forgets_the_queue(patch: pytest.MonkeyPatch) -> None:
    """Writes a requeued task `new` and queues it nowhere."""

    @around(patch, Hub, "_requeue")
    def requeue(old: Any, hub: Hub, task_id: str, now: float) -> Any:
        message = old(hub, task_id, now)
        if message is not None:
            hub._items[task_id].spot = Spot.OUT
        return message


@breaks("4", "requeued_record_does_not_expire")
def requeue_keeps_the_moment_of_removal(patch: pytest.MonkeyPatch) -> None:
    """Removes the record of a task that waits again."""

    @around(patch, Item, "reopen")
    def reopen(old: Any, item: Item, now: float) -> None:
        remove_at = item.remove_at
        old(item, now)
        item.remove_at = remove_at


@breaks("4", "storage:begin_answers_what_is_left_to_run")
def begins_what_has_ended(patch: pytest.MonkeyPatch) -> None:
    """Lets a task run again that has its outcome already."""

    @around(patch, Hub, "_begin")
    def begin(old: Any, *args: Any) -> bool:
        old(*args)
        return True


@breaks("4", "storage:requeued_task_runs_again")
def holds_old_attempts_against_a_requeued_task(patch: pytest.MonkeyPatch) -> None:
    """Takes the first delivery after a requeue for a repetition of the first one before it."""

    @around(patch, Item, "reopen")
    def reopen(old: Any, item: Item, now: float) -> None:
        attempts = item.attempts
        old(item, now)
        item.attempts = attempts


@breaks("4", "requeued_task_has_no_moment_of_expiry")
def requeue_keeps_the_moment_of_expiry(patch: pytest.MonkeyPatch) -> None:
    """Requeues what was not started in time, so that it is too late again at once."""

    @around(patch, Item, "reopen")
    def reopen(old: Any, item: Item, now: float) -> None:
        message = item.message
        old(item, now)
        item.message = message
