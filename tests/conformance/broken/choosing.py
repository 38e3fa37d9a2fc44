"""Which queues a worker takes from (contracts 6 and 8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakSet

import pytest
from conformance.mutating import around, breaks

from qtasks.memory._hub import Hub
from qtasks.memory._item import Item
from qtasks.memory.consumer import MemoryConsumer
from qtasks.models import GiveBack, GiveBackReason
from qtasks.status import TaskStatus

Tiers = Sequence[Sequence[str]]


@breaks("6", "earlier_tier_comes_first", "batch_goes_through_the_tiers", "priority_counts_within_a_tier")
def makes_one_tier_of_all(patch: pytest.MonkeyPatch) -> None:
    """Lets a high priority of a later tier overtake an earlier tier."""

    @around(patch, MemoryConsumer, "choose")
    def choose(old: Any, consumer: MemoryConsumer, tiers: Tiers) -> None:
        old(consumer, [[queue for queues in tiers for queue in queues]])


@breaks(
    "6",
    "earlier_tier_comes_first",
    "batch_goes_through_the_tiers",
    "idle_worker_hears_of_every_tier",
    "priority_counts_within_a_tier",
)
def takes_from_the_first_tier_only(patch: pytest.MonkeyPatch) -> None:
    """Never comes to the later tiers."""

    @around(patch, MemoryConsumer, "choose")
    def choose(old: Any, consumer: MemoryConsumer, tiers: Tiers) -> None:
        old(consumer, tiers[:1])


@breaks("6", "priority_counts_within_a_tier")
def makes_a_tier_of_each_queue(patch: pytest.MonkeyPatch) -> None:
    """Empties one queue of a tier after the other."""

    @around(patch, MemoryConsumer, "choose")
    def choose(old: Any, consumer: MemoryConsumer, tiers: Tiers) -> None:
        old(consumer, [[queue] for queues in tiers for queue in queues])


@breaks("8", "nothing_chosen_is_nothing_taken", "resumed_queue_is_served_at_once")
def takes_nothing_chosen_for_no_choice(patch: pytest.MonkeyPatch) -> None:
    """Goes on with what it had where nothing is chosen."""

    @around(patch, MemoryConsumer, "choose")
    def choose(old: Any, consumer: MemoryConsumer, tiers: Tiers) -> None:
        if tiers:
            old(consumer, tiers)


@breaks("8", "choice_reaches_a_waiting_fetch", "resumed_queue_is_served_at_once")
def chooses_for_the_next_fetch(patch: pytest.MonkeyPatch) -> None:
    """Leaves a fetch that waits where it is."""

    def choose(consumer: MemoryConsumer, tiers: Tiers) -> None:
        consumer._tiers = tuple(tuple(queues) for queues in tiers)

    patch.setattr(MemoryConsumer, "choose", choose)


@breaks("8", "pause_reaches_a_waiting_fetch")
def a_waiting_fetch_takes_from_all(patch: pytest.MonkeyPatch) -> None:
    """Takes once more from a queue that was left out while it waited."""
    fetch, claim = MemoryConsumer.fetch, Hub.claim
    begun: dict[str, Tiers] = {}

    async def remember(consumer: MemoryConsumer, limit: int) -> Any:
        begun[consumer._worker.id] = consumer._tiers
        return await fetch(consumer, limit)

    def claim_all(hub: Hub, worker: Any, tiers: Tiers, *rest: Any) -> Any:
        return claim(hub, worker, [*tiers, *begun[worker.id]], *rest)

    patch.setattr(MemoryConsumer, "fetch", remember)
    patch.setattr(Hub, "claim", claim_all)


@breaks("8", "choice_is_that_of_one_worker")
def chooses_for_everybody(patch: pytest.MonkeyPatch) -> None:
    """Lets a choice count for all workers of the process."""
    consumers: WeakSet[MemoryConsumer] = WeakSet()

    @around(patch, MemoryConsumer, "__init__")
    def init(old: Any, consumer: MemoryConsumer, *args: Any) -> None:
        old(consumer, *args)
        consumers.add(consumer)

    @around(patch, MemoryConsumer, "choose")
    def choose(old: Any, _consumer: MemoryConsumer, tiers: Tiers) -> None:
        for each in consumers:
            old(each, tiers)


@breaks("8", "choice_leaves_what_is_in_hand")
def choice_takes_back_what_is_held(patch: pytest.MonkeyPatch) -> None:
    """Puts back what was fetched from a queue that is left out now, while it runs."""

    @around(patch, MemoryConsumer, "choose")
    def choose(old: Any, consumer: MemoryConsumer, tiers: Tiers) -> None:
        old(consumer, tiers)
        held = [i for i in consumer._hub._items.values() if i.worker == consumer._worker.id]
        consumer._hub.give_back([GiveBack(i.message.id, i.token, GiveBackReason.STOPPED) for i in held])


@breaks("8", "paused_queue_loses_nothing")
def drops_what_becomes_due_in_a_pause(patch: pytest.MonkeyPatch) -> None:
    """Forgets a delayed task whose moment comes while nobody takes from its queue."""

    @around(patch, Hub, "_ripen")
    def ripen(old: Any, hub: Hub, now: float) -> None:
        old(hub, now)
        idle = {queue for queues in hub.waits._idle.values() for queue in queues}
        for item in tuple(hub._items.values()):
            if _has_ripened(item) and item.message.queue not in idle:
                hub.drop(item)


def _has_ripened(item: Item) -> bool:
    return item.status is TaskStatus.NEW and item.due is not None
