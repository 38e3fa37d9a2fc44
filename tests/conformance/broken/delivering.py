"""Tasks on their way out (contract 2)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import msgspec
import pytest
from conformance.mutating import around, breaks

from qtasks.memory._hub import Hub
from qtasks.memory._item import Item, Spot
from qtasks.memory._lines import Lines
from qtasks.memory._waits import Waits
from qtasks.memory.consumer import MemoryConsumer
from qtasks.models import Delivery, GiveBack, GiveBackReason


@breaks("2", "idle_worker_finds_what_a_lost_one_left", "idle_worker_gets_a_delayed_task_on_time")
def looks_only_when_something_happens(patch: pytest.MonkeyPatch) -> None:
    """Does not see on an idle queue that a lease has ended or a moment has come."""
    patch.setattr(Hub, "_next_moment", lambda *_args: None)


@breaks("2", "each_task_goes_to_one_worker")
def hands_a_task_to_two_workers(patch: pytest.MonkeyPatch) -> None:
    """Hands over again what another worker has just got."""
    before: list[Delivery] = []

    @around(patch, Hub, "claim")
    def claim(old: Any, *args: Any) -> list[Delivery]:
        taken: list[Delivery] = old(*args)
        both = [*taken, *before] if len(taken) > 1 else taken
        before[:] = taken[:1]
        return both


@breaks("2", "fetch_gives_at_most_its_limit")
def gives_more_than_asked(patch: pytest.MonkeyPatch) -> None:
    """Hands over one task more than there is room for."""

    @around(patch, Lines, "take")
    def take(old: Any, lines: Lines, queues: Sequence[str], limit: int) -> Any:
        return old(lines, queues, limit + 1)


@breaks(
    "2",
    "idle_worker_hears_of_a_task",
    "idle_worker_hears_of_a_given_back_task",
    "fetching_goes_on_between_other_calls",
)
def loses_wake_ups(patch: pytest.MonkeyPatch) -> None:
    """Does not wake a worker that waits."""
    patch.setattr(Waits, "ring", lambda _waits: None)


@breaks("2", "close_ends_a_waiting_fetch")
def close_leaves_fetch_waiting(patch: pytest.MonkeyPatch) -> None:
    """Never ends a fetch that waits."""

    async def close(consumer: MemoryConsumer) -> None:
        consumer._is_closed = True

    patch.setattr(MemoryConsumer, "close", close)


@breaks("2", "close_gives_nothing_back_that_was_handed_over")
def close_gives_back_what_runs(patch: pytest.MonkeyPatch) -> None:
    """Puts back into the queue what its worker still runs."""

    async def close(consumer: MemoryConsumer) -> None:
        hub = consumer._hub
        consumer._is_closed = True
        consumer._sleeper.wake()
        held = [item for item in hub._items.values() if item.spot is Spot.HELD]
        hub.give_back([GiveBack(i.message.id, i.token, GiveBackReason.STOPPED) for i in held])

    patch.setattr(MemoryConsumer, "close", close)


@breaks("2", "close_leaves_the_rest_for_others")
def keeps_what_it_prefetched(patch: pytest.MonkeyPatch) -> None:
    """Fetches ahead and does not give back at close what it has not handed over."""

    @around(patch, Hub, "claim")
    def claim(old: Any, hub: Hub, worker: Any, queues: Any, limit: int, *rest: Any) -> list[Delivery]:
        taken: list[Delivery] = old(hub, worker, queues, limit + 5, *rest)
        return taken[:limit]


@breaks("2", "worker_takes_from_its_queues_only")
def takes_from_every_queue(patch: pytest.MonkeyPatch) -> None:
    """Gives a worker tasks of queues that it does not serve."""

    @around(patch, Lines, "take")
    def take(old: Any, lines: Lines, queues: Sequence[str], limit: int) -> Any:
        return old(lines, [*queues, *(set(lines._ready) - set(queues))], limit)


@breaks("2", "fetched_task_is_in_process")
def does_not_say_who_works(patch: pytest.MonkeyPatch) -> None:
    """Keeps no note of the worker that has a task."""

    @around(patch, Item, "record")
    def record(old: Any, item: Item) -> Any:
        return msgspec.structs.replace(old(item), worker=None)


@breaks("2", "wake_up_is_never_lost")
def loses_a_wake_up_now_and_then(patch: pytest.MonkeyPatch) -> None:
    """Misses one wake-up of fifty, as a race would."""
    rung = count(1)

    @around(patch, Waits, "ring")
    def ring(old: Any, waits: Waits) -> None:
        if waits._fresh and next(rung) % 50 == 0:
            waits._fresh.clear()
        old(waits)
