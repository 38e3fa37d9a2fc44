"""Which outcome counts (contract 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from conformance.mutating import around, breaks

from qtasks.memory._hub import Hub
from qtasks.memory._item import Item
from qtasks.models import Delivery, GiveBack, Outcome, Settled, Token


@breaks("3", "late_outcome_is_stale_after_redelivery")
def accepts_stale_outcomes(patch: pytest.MonkeyPatch) -> None:
    """Records an outcome whatever its token."""

    @around(patch, Hub, "_settle")
    def settle(old: Any, hub: Hub, outcome: Outcome, now: float) -> Any:
        item = hub._items.get(outcome.id)
        if item is not None and item.settled is None:
            outcome = msgspec.structs.replace(outcome, token=item.token)
        return old(hub, outcome, now)


@breaks("3", "stale_give_back_is_ignored")
def accepts_stale_give_backs(patch: pytest.MonkeyPatch) -> None:
    """Puts a task back that another worker runs."""

    @around(patch, Hub, "give_back")
    def give_back(old: Any, hub: Hub, returned: Sequence[GiveBack]) -> None:
        items = hub._items
        old(hub, [msgspec.structs.replace(one, token=items[one.id].token) for one in returned])


@breaks("3", "tokens_of_a_task_grow", "late_outcome_is_stale_after_redelivery")
def delivers_again_with_the_old_token(patch: pytest.MonkeyPatch) -> None:
    """Gives a redelivery the token of the delivery before."""

    @around(patch, Item, "deliver")
    def deliver(old: Any, item: Item, worker: str, now: float) -> Any:
        if item.token.delivery:
            item.token = item.token._replace(delivery=item.token.delivery - 1)
        return old(item, worker, now)


@breaks("3", "late_outcome_counts_before_redelivery")
def refuses_late_outcomes(patch: pytest.MonkeyPatch) -> None:
    """Throws away work although nobody has repeated it."""

    @around(patch, Item, "lose")
    def lose(old: Any, item: Item, now: float) -> None:
        old(item, now)
        item.token = item.token._replace(delivery=item.token.delivery + 1)


@breaks(
    "3",
    "repeated_outcome_is_recorded_once",
    "repeated_retry_is_recorded_once",
    "storage:repeated_outcome_is_recorded_once",
)
def calls_its_own_outcome_stale(patch: pytest.MonkeyPatch) -> None:
    """Refuses an outcome that is repeated after a lost answer."""

    @around(patch, Item, "settle")
    def settle(old: Any, item: Item, outcome: Outcome, now: float) -> None:
        old(item, outcome, now)
        item.settled = None
        item.token = Token(item.token.epoch, item.attempts + 1, item.token.delivery)


@breaks(
    "3",
    "outcome_of_an_earlier_epoch_is_stale",
    "deliveries_are_counted_through_all_epochs",
    "requeue_may_come_before_the_acknowledgement",
    "storage:requeue_gives_a_message_to_publish",
)
def forgets_the_epoch(patch: pytest.MonkeyPatch) -> None:
    """Takes the outcome of the epoch before for one of the new epoch."""

    @around(patch, Item, "reopen")
    def reopen(old: Any, item: Item, now: float) -> None:
        token = item.token
        old(item, now)
        item.token = token


@breaks("3", "storage:younger_token_makes_the_older_one_stale")
def begins_without_a_token(patch: pytest.MonkeyPatch) -> None:
    """Answers `begin` and keeps the token of the first delivery."""

    @around(patch, Hub, "_begin")
    def begin(old: Any, hub: Hub, delivery: Delivery, *rest: Any) -> bool:
        item = hub._items.get(delivery.id)
        before = None if item is None else item.token
        answer: bool = old(hub, delivery, *rest)
        if item is not None and before is not None and before.delivery:
            item.token = before
        return answer


@breaks(
    "3",
    "storage:late_begin_of_an_older_delivery_changes_nothing",
    "storage:token_of_a_waiting_task_does_not_go_back",
)
def lets_the_older_delivery_begin(patch: pytest.MonkeyPatch) -> None:
    """Gives the task to whoever began last, however old the delivery."""

    @around(patch, Hub, "_begin")
    def begin(old: Any, hub: Hub, delivery: Delivery, *rest: Any) -> Any:
        item = hub._items.get(delivery.id)
        if item is not None and not item.is_final:
            item.token = Token(0, 0, 0)
        return old(hub, delivery, *rest)


@breaks("3", "outcome_of_an_unknown_task_is_stale", "storage:outcome_of_an_unknown_task_is_stale")
def stumbles_over_the_unknown(patch: pytest.MonkeyPatch) -> None:
    """Raises where an outcome comes for a task that is gone."""

    @around(patch, Hub, "_settle")
    def settle(old: Any, hub: Hub, outcome: Outcome, now: float) -> Any:
        return old(hub, outcome, now) if hub._items[outcome.id] else None


@breaks("3", "storage:begin_makes_the_token_known")
def begins_in_silence(patch: pytest.MonkeyPatch) -> None:
    """Lets tasks run and notes neither token nor worker."""
    patch.setattr(Hub, "_begin", lambda *_args: True)


@breaks("3", "batch_of_outcomes_is_answered_one_by_one")
def refuses_a_batch_for_one(patch: pytest.MonkeyPatch) -> None:
    """Calls every outcome of a batch stale because one of them is."""

    @around(patch, Hub, "settle")
    def settle(old: Any, hub: Hub, outcomes: Sequence[Outcome]) -> Any:
        answers = old(hub, outcomes)
        return [Settled.STALE] * len(answers) if Settled.STALE in answers else answers
