"""What is counted and what is not (contracts 5 and 15)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from conformance.mutating import around, breaks

from qtasks.memory._hub import Hub
from qtasks.memory._item import Item
from qtasks.models import Delivery, GiveBack, GiveBackReason, Outcome
from qtasks.status import TaskStatus


@breaks("5", "losses_are_counted")
def forgets_losses(patch: pytest.MonkeyPatch) -> None:
    """Delivers a poisoned task for ever as if for the first time."""

    @around(patch, Item, "lose")
    def lose(old: Any, item: Item, now: float) -> None:
        old(item, now)
        item.losses = 0


@breaks("5", "backend_gives_up_on_nothing")
def buries_by_itself(patch: pytest.MonkeyPatch) -> None:
    """Drops a task that has lost many workers, which only the core may decide."""

    @around(patch, Hub, "_return")
    def put_back(old: Any, hub: Hub, item: Item) -> None:
        if item.losses < 5:
            old(hub, item)


@breaks("5", "fault_is_a_loss", "storage:give_back_is_recorded")
def counts_no_faults(patch: pytest.MonkeyPatch) -> None:
    """Lets a task go round for ever that fails before its body."""

    @around(patch, Item, "give_back")
    def give_back(old: Any, item: Item, returned: GiveBack, now: float) -> None:
        losses = item.losses
        old(item, returned, now)
        item.losses = losses


@breaks("5", "unknown_name_has_its_own_count")
def counts_unknown_names_as_losses(patch: pytest.MonkeyPatch) -> None:
    """Kills by a rolling deploy what only waits for a worker that knows it."""

    @around(patch, Item, "give_back")
    def give_back(old: Any, item: Item, returned: GiveBack, now: float) -> None:
        old(item, returned, now)
        if returned.reason is GiveBackReason.UNKNOWN:
            item.losses, item.turns = item.losses + 1, 0


@breaks("5", "limits_count_for_nothing", "storage:limited_give_back_is_recorded")
def counts_what_a_limit_holds_back(patch: pytest.MonkeyPatch) -> None:
    """Buries by and by what only has to wait for its turn."""

    @around(patch, Item, "give_back")
    def give_back(old: Any, item: Item, returned: GiveBack, now: float) -> None:
        old(item, returned, now)
        item.losses += returned.reason is GiveBackReason.LIMITED


@breaks("5", "history_names_each_loss", "history_names_the_reason")
def tells_no_history(patch: pytest.MonkeyPatch) -> None:
    """Keeps no trace of deliveries that were lost."""
    patch.setattr(Item, "_note", lambda *_args: None)


@breaks("5", "age_of_a_task_is_not_renewed")
def renews_the_age(patch: pytest.MonkeyPatch) -> None:
    """Says of a task that comes back that it is new, so it never grows too old."""

    @around(patch, Item, "deliver")
    def deliver(old: Any, item: Item, worker: str, now: float) -> Any:
        item.since = now
        return old(item, worker, now)


@breaks("15", "retry_waits_for_its_moment", "idle_worker_gets_a_retry_on_time", "storage:retry_is_recorded")
def retries_at_once(patch: pytest.MonkeyPatch) -> None:
    """Forgets the backoff of a retry."""

    @around(patch, Hub, "_settle")
    def settle(old: Any, hub: Hub, outcome: Outcome, now: float) -> Any:
        return old(hub, msgspec.structs.replace(outcome, due=None), now)


@breaks("15", "attempts_are_counted", "record_tells_how_the_task_ended")
def counts_no_attempts(patch: pytest.MonkeyPatch) -> None:
    """Retries for ever."""

    @around(patch, Item, "settle")
    def settle(old: Any, item: Item, outcome: Outcome, now: float) -> None:
        old(item, outcome, now)
        item.attempts = 0


@breaks("15", "deploy_uses_up_nothing")
def counts_a_graceful_give_back(patch: pytest.MonkeyPatch) -> None:
    """Lets a deploy use up deliveries."""

    @around(patch, Item, "give_back")
    def give_back(old: Any, item: Item, returned: GiveBack, now: float) -> None:
        old(item, returned, now)
        item.losses += returned.reason is GiveBackReason.STOPPED


@breaks("15", "lost_worker_uses_up_no_attempt")
def counts_a_loss_as_an_attempt(patch: pytest.MonkeyPatch) -> None:
    """Lets a lost worker use up the budget of retries."""

    @around(patch, Item, "lose")
    def lose(old: Any, item: Item, now: float) -> None:
        old(item, now)
        item.attempts += 1


@breaks("15", "losses_begin_anew_with_each_attempt")
def keeps_losses_of_the_attempt_before(patch: pytest.MonkeyPatch) -> None:
    """Adds up losses over all attempts."""

    @around(patch, Item, "settle")
    def settle(old: Any, item: Item, outcome: Outcome, now: float) -> None:
        losses = item.losses
        old(item, outcome, now)
        item.losses = losses


@breaks("15", "outcome_without_a_run_is_no_attempt", "dead_task_keeps_its_body_and_reason")
def counts_what_never_ran(patch: pytest.MonkeyPatch) -> None:
    """Counts an attempt although the body never began."""

    @around(patch, Item, "settle")
    def settle(old: Any, item: Item, outcome: Outcome, now: float) -> None:
        old(item, outcome, now)
        item.attempts += outcome.started_at is None


@breaks("15", "given_back_task_waits_for_its_delay")
def gives_back_without_the_delay(patch: pytest.MonkeyPatch) -> None:
    """Spins over a task whose name nobody knows."""

    @around(patch, Hub, "_give_back")
    def give_back(old: Any, hub: Hub, item: Item, returned: GiveBack, now: float) -> None:
        old(hub, item, msgspec.structs.replace(returned, delay=0.0), now)


@breaks("5", "storage:redelivery_tells_of_the_loss")
def hides_losses_of_a_foreign_broker(patch: pytest.MonkeyPatch) -> None:
    """Begins a redelivery as if the delivery before had never been."""

    @around(patch, Hub, "_begin")
    def begin(old: Any, hub: Hub, delivery: Delivery, *rest: Any) -> Any:
        item = hub._items.get(delivery.id)
        if item is not None and item.status is TaskStatus.PROCESS:
            item.status = TaskStatus.NEW
        return old(hub, delivery, *rest)


@breaks("5", "given_back_twice_counts_once")
def counts_a_repeated_give_back(patch: pytest.MonkeyPatch) -> None:
    """Counts a give-back again that was repeated after a lost answer."""

    def give_back(hub: Hub, returned: Sequence[GiveBack]) -> None:
        with hub._step() as now:
            for one in returned:
                if hub._items[one.id].token == one.token:
                    hub._give_back(hub._items[one.id], one, now)

    patch.setattr(Hub, "give_back", give_back)


@breaks("15", "given_back_task_is_ready_at_once")
def holds_back_what_is_given_back(patch: pytest.MonkeyPatch) -> None:
    """Lets a task wait for a while that a stopping worker has given back."""

    @around(patch, Hub, "_give_back")
    def give_back(old: Any, hub: Hub, item: Item, returned: GiveBack, now: float) -> None:
        old(hub, item, msgspec.structs.replace(returned, delay=returned.delay or 5.0), now)


@breaks("15", "retry_without_a_moment_is_ready_at_once")
def delays_every_retry(patch: pytest.MonkeyPatch) -> None:
    """Adds a backoff of its own."""

    @around(patch, Hub, "_settle")
    def settle(old: Any, hub: Hub, outcome: Outcome, now: float) -> Any:
        return old(hub, msgspec.structs.replace(outcome, due=outcome.due or now + 5), now)
