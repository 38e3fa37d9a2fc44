"""Who is next, and when (contracts 6 and 7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from conformance.mutating import around, breaks

from qtasks.memory._hub import Hub
from qtasks.memory._item import Item
from qtasks.memory._lines import Lines
from qtasks.memory._waits import Waits
from qtasks.models import Message


@breaks(
    "6",
    "higher_priority_overtakes",
    "order_of_three_hundred_tasks",
    "priority_counts_among_what_has_become_due",
)
def ignores_priority(patch: pytest.MonkeyPatch) -> None:
    """Hands out by age alone."""

    @around(patch, Lines, "restore")
    def restore(old: Any, lines: Lines, item: Item) -> None:
        message, item.message = item.message, msgspec.structs.replace(item.message, priority=0)
        old(lines, item)
        item.message = message


@breaks("6", "first_in_first_out", "one_call_keeps_its_order", "order_of_three_hundred_tasks")
def last_in_first_out(patch: pytest.MonkeyPatch) -> None:
    """Hands out the youngest first."""

    @around(patch, Lines, "__init__")
    def init(old: Any, lines: Lines) -> None:
        old(lines)
        lines._seq = iter(range(10**9, 0, -1))  # type: ignore[assignment]


@breaks("6", "one_call_keeps_its_order")
def orders_a_batch_by_id(patch: pytest.MonkeyPatch) -> None:
    """Sorts what was published in one call."""

    @around(patch, Hub, "publish")
    def publish(old: Any, hub: Hub, messages: Sequence[Message], *, queued: bool) -> None:
        old(hub, sorted(messages, key=lambda message: message.id), queued=queued)


@breaks("6", "priority_goes_before_the_order_of_queues")
def puts_the_first_queue_before_priority(patch: pytest.MonkeyPatch) -> None:
    """Empties the first queue before it looks at the priorities of the second."""

    def best(lines: Lines, queues: Sequence[str]) -> Any:
        return next((heap for queue in queues if (heap := lines._pruned(queue))), None)

    patch.setattr(Lines, "_best", best)


@breaks("6", "delayed_task_queues_up_when_it_is_due", "retried_task_queues_up_when_it_is_due")
def keeps_the_place_of_the_publication(patch: pytest.MonkeyPatch) -> None:
    """Lets a delayed task overtake those that were ready before it was due."""

    @around(patch, Lines, "append")
    def append(old: Any, lines: Lines, item: Item) -> None:
        lines.restore(item) if item.seq else old(lines, item)


@breaks("7", "delayed_task_is_never_early", "longest_delay")
def delivers_early(patch: pytest.MonkeyPatch) -> None:
    """Hands out a delayed task when a part of its delay is over."""

    @around(patch, Lines, "pop_due")
    def pop_due(old: Any, lines: Lines, now: float) -> Any:
        return old(lines, now + 20)


@breaks("7", "idle_worker_gets_a_delayed_task_on_time")
def delivers_late(patch: pytest.MonkeyPatch) -> None:
    """Looks for delayed tasks half a second too late."""

    @around(patch, Hub, "_next_moment")
    def next_moment(old: Any, hub: Hub, now: float) -> Any:
        moment = old(hub, now)
        return None if moment is None else moment + 0.5


@breaks("7", "longest_delay")
def cuts_delays_at_a_year(patch: pytest.MonkeyPatch) -> None:
    """Takes a delay of ten years for one."""

    @around(patch, Hub, "_enqueue")
    def enqueue(old: Any, hub: Hub, item: Item, due: float | None, now: float) -> None:
        old(hub, item, None if due is None else min(due, now + 365 * 86_400.0), now)


@breaks("7", "sooner_task_is_not_kept_waiting_by_a_later_one")
def sleeps_until_the_first_moment_it_saw(patch: pytest.MonkeyPatch) -> None:
    """Does not notice that something nearer was published while it slept."""
    patch.setattr("qtasks.memory._wake.LONGEST_SLEEP", 3_600.0)
    patch.setattr(Waits, "sooner", lambda _waits: None)


@breaks("7", "delayed_tasks_come_in_the_order_of_their_moments")
def hands_out_due_tasks_as_published(patch: pytest.MonkeyPatch) -> None:
    """Forgets in which order tasks became due."""

    @around(patch, Lines, "pop_due")
    def pop_due(old: Any, lines: Lines, now: float) -> Any:
        return iter(sorted(old(lines, now), key=lambda item: item.seq))


@breaks("7", "moment_in_the_past_is_now")
def waits_for_the_past(patch: pytest.MonkeyPatch) -> None:
    """Never hands out a task whose moment had passed before it came."""

    @around(patch, Hub, "_enqueue")
    def enqueue(old: Any, hub: Hub, item: Item, due: float | None, now: float) -> None:
        if due is None or due > now:
            old(hub, item, due, now)
