"""What happens between the loss of a worker and the next delivery (contracts 2 and 8)."""

from __future__ import annotations

from heapq import heappush
from typing import Any

import pytest
from conformance.mutating import around, breaks

from qtasks.memory import _cancelling
from qtasks.memory._item import Item, Spot
from qtasks.memory._lines import Lines
from qtasks.memory._unique import Keys
from qtasks.models import Report, UniqueKey
from qtasks.status import WAITING


@breaks("8", "late_renewal_keeps_the_wish")
def a_late_renewal_forgets_the_wish(patch: pytest.MonkeyPatch) -> None:
    """Lets a task run on that was to be cancelled, because its worker has renewed late."""

    @around(patch, Item, "adopt")
    def adopt(old: Any, item: Item, now: float) -> None:
        old(item, now)
        item.cancel = None


@breaks("8", "lost_task_is_cancelled_before_it_comes_again")
def leaves_what_was_lost_in_the_queue(patch: pytest.MonkeyPatch) -> None:
    """Ends a lost task without taking its entry off the queue."""

    @around(patch, Item, "end")
    def end(old: Any, item: Item, *rest: Any) -> None:
        spot = Spot.READY if item.lost_by is not None else item.spot
        old(item, *rest)
        item.spot = spot


@breaks("8", "purge_takes_what_was_lost")
def purges_what_was_never_lost(patch: pytest.MonkeyPatch) -> None:
    """Passes over tasks whose worker was lost."""

    @around(patch, Lines, "take_waiting")
    def take(old: Any, lines: Lines, *rest: Any) -> list[Item]:
        taken: list[Item] = old(lines, *rest)
        for item in taken:
            if item.lost_by is not None:
                lines.restore(item)
        return [item for item in taken if item.lost_by is None]

    patch.setattr(_cancelling, "_queued_elsewhere", lambda *_args: [])


@breaks("reports", "late_report_counts_before_redelivery")
def hears_nothing_after_a_loss(patch: pytest.MonkeyPatch) -> None:
    """Ignores what a late worker reports although nobody else has its task."""

    @around(patch, Item, "hear")
    def hear(old: Any, item: Item, report: Report, now: float) -> bool:
        return item.lost_by is None and old(item, report, now)


@breaks("8", "kept_task_is_shown_once")
def lines_up_what_stands_there(patch: pytest.MonkeyPatch) -> None:
    """Leaves one more entry in the queue with every late renewal."""

    def restore(lines: Lines, item: Item) -> None:
        item.spot = Spot.READY
        heap = lines._ready.setdefault(item.message.queue, [])
        heappush(heap, (-item.message.priority, item.seq, item))

    patch.setattr(Lines, "restore", restore)


@breaks("unique", "given_back_task_keeps_others_away")
def what_has_been_out_keeps_nobody_away(patch: pytest.MonkeyPatch) -> None:
    """Forgets the key of a task that waits again."""

    @around(patch, Keys, "first")
    def first(old: Any, keys: Keys, unique: UniqueKey) -> str | None:
        found = [item for known in keys._tasks.values() for item in known.values()]
        again = any(item.token.delivery and item.status in WAITING for item in found)
        return None if again else old(keys, unique)
