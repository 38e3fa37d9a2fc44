"""Leases and their renewal (contract 2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from conformance.mutating import around, breaks

from qtasks.memory._hub import Hub
from qtasks.memory._item import Item, Spot
from qtasks.memory._leases import Leases
from qtasks.memory._lines import Lines
from qtasks.models import GiveBack, GiveBackReason, WorkerInfo


@breaks("2", "task_of_a_lost_worker_comes_again", "idle_worker_finds_what_a_lost_one_left")
def never_ends_a_lease(patch: pytest.MonkeyPatch) -> None:
    """Leaves what a lost worker had with it for ever."""
    patch.setattr(Hub, "_end_leases", lambda *_args: None)


@breaks("2", "lost_task_does_not_wait_behind_a_backlog")
def puts_lost_tasks_last(patch: pytest.MonkeyPatch) -> None:
    """Lets what a lost worker had become ready now, behind everything that waits."""
    patch.setattr(Lines, "restore", Lines.append)


@breaks("2", "leased_task_is_not_delivered_again")
def ends_leases_early(patch: pytest.MonkeyPatch) -> None:
    """Takes half of the lease for the whole."""

    @around(patch, Hub, "_end_leases")
    def end_leases(old: Any, hub: Hub, boot: float, now: float) -> None:
        old(hub, boot + 0.5 * 30.0, now)


@breaks("2", "renewed_task_is_not_delivered_again", "renewal_from_a_thread_while_the_loop_is_blocked")
def ignores_renewals(patch: pytest.MonkeyPatch) -> None:
    """Answers the heartbeat and prolongs nothing."""
    patch.setattr(Hub, "renew", lambda *_args: [])


@breaks("2", "one_renewal_covers_all_that_is_held")
def renews_the_first_task_only(patch: pytest.MonkeyPatch) -> None:
    """Prolongs the lease of one of the tasks that a worker holds."""

    @around(patch, Hub, "renew")
    def renew(old: Any, hub: Hub, worker: WorkerInfo, held: Sequence[Any], lease: float) -> Any:
        lost = old(hub, worker, held, lease)
        for task_id, token in held[1:]:
            hub.give_back([GiveBack(task_id, token, GiveBackReason.STOPPED)])
        return lost


@breaks("2", "renewal_tells_what_is_lost")
def hides_what_is_lost(patch: pytest.MonkeyPatch) -> None:
    """Does not tell a late worker that its task has gone to another."""

    @around(patch, Hub, "renew")
    def renew(old: Any, *args: Any) -> list[Any]:
        old(*args)
        return []


@breaks("2", "late_renewal_keeps_what_nobody_has_taken")
def never_gives_a_task_back_to_a_late_worker(patch: pytest.MonkeyPatch) -> None:
    """Delivers a task again although its worker has come back before anybody took it."""
    patch.setattr(Hub, "_keep", lambda *_args: True)


@breaks("2", "late_renewal_takes_the_loss_back")
def counts_a_late_renewal_as_a_loss(patch: pytest.MonkeyPatch) -> None:
    """Buries in the end what a slow worker has held all the time."""

    @around(patch, Item, "adopt")
    def adopt(_old: Any, item: Item, now: float) -> None:
        item.begin(item.token, item.worker or "", now)


@breaks("2", "given_back_task_is_held_by_nobody")
def renews_what_was_given_back(patch: pytest.MonkeyPatch) -> None:
    """Leases a task again to the worker that has given it back."""

    @around(patch, Item, "give_back")
    def give_back(old: Any, item: Item, returned: GiveBack, now: float) -> None:
        old(item, returned, now)
        item.lost_by = item.worker


@breaks("2", "wall_clock_does_not_touch_leases")
def measures_leases_on_the_wall_clock(patch: pytest.MonkeyPatch) -> None:
    """Ends leases when somebody sets the clock."""

    @around(patch, Hub, "__init__")
    def init(old: Any, hub: Hub, clock: Any, **options: Any) -> None:
        old(hub, clock, **options)
        patch.setattr(clock, "boot", clock.now)


@breaks("2", "living_worker_is_not_taken_over")
def takes_over_the_living(patch: pytest.MonkeyPatch) -> None:
    """Takes tasks away from workers that are alive."""
    patch.setattr("qtasks.memory._leases.is_gone", lambda _worker: True)


@breaks("2", "provably_dead_worker_is_taken_over_at_once")
def takes_over_nobody(patch: pytest.MonkeyPatch) -> None:
    """Waits for the lease of a worker that is provably dead."""
    patch.setattr(Leases, "pop_gone", lambda _leases: ())


@breaks("2", "nothing_is_taken_over_unasked")
def takes_over_unasked(patch: pytest.MonkeyPatch) -> None:
    """Takes over whether it was asked to or not."""

    @around(patch, Hub, "enlist")
    def enlist(old: Any, hub: Hub, worker: WorkerInfo, lease: float, **_options: Any) -> None:
        old(hub, worker, lease, take_over=True)


@breaks("2", "renewal_is_silent_about_settled_tasks")
def calls_lost_what_has_ended(patch: pytest.MonkeyPatch) -> None:
    """Tells a worker that somebody else has what it has just settled."""

    @around(patch, Hub, "_keep")
    def keep(old: Any, hub: Hub, task_id: str, *rest: Any) -> Any:
        return old(hub, task_id, *rest) and hub._items[task_id].spot is Spot.HELD
