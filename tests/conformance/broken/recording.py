"""What records tell and how long (contract 11)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from conformance.mutating import around, breaks

from qtasks.memory._hub import Hub
from qtasks.memory._item import Item
from qtasks.models import Outcome
from qtasks.status import TaskStatus


@breaks(
    "11",
    "record_expires_at_its_moment",
    "expired_record_ends_the_wait",
    "storage:record_expires_at_its_moment",
)
def keeps_records_for_ever(patch: pytest.MonkeyPatch) -> None:
    """Ignores the moment of removal."""
    patch.setattr(Hub, "_expire", lambda *_args: None)


@breaks("11", "record_expires_at_its_moment")
def removes_records_at_once(patch: pytest.MonkeyPatch) -> None:
    """Removes a record as soon as it may be removed some day."""

    @around(patch, Hub, "_expire")
    def expire(old: Any, hub: Hub, now: float) -> None:
        old(hub, now + 1_000)


@breaks("11", "delete_finished_removes_what_has_ended")
def deletes_what_waits(patch: pytest.MonkeyPatch) -> None:
    """Takes a waiting task for a finished one."""
    patch.setattr(Hub, "delete_finished", lambda hub: len(hub._items) if hub.flush() is None else 0)


@breaks("11", "counts_by_status", "storage:counts_and_delete_finished")
def counts_wrongly(patch: pytest.MonkeyPatch) -> None:
    """Counts a task where it was, and where it is."""

    @around(patch, Hub, "_moved")
    def moved(old: Any, hub: Hub, item: Item, before: TaskStatus) -> None:
        hub._counts[before] += 1
        old(hub, item, before)


@breaks("11", "records_come_in_the_order_asked")
def answers_in_an_order_of_its_own(patch: pytest.MonkeyPatch) -> None:
    """Gives records in the order of their ids."""

    @around(patch, Hub, "get")
    def get(old: Any, hub: Hub, ids: Sequence[str]) -> Any:
        return old(hub, sorted(ids))


@breaks("11", "record_without_a_moment_stays")
def removes_by_itself(patch: pytest.MonkeyPatch) -> None:
    """Removes after a minute what is to stay."""

    @around(patch, Hub, "_settle")
    def settle(old: Any, hub: Hub, outcome: Outcome, now: float) -> Any:
        return old(hub, msgspec.structs.replace(outcome, remove_at=outcome.remove_at or now + 60), now)


@breaks("11", "empty_result_is_a_result")
def takes_an_empty_result_for_none(patch: pytest.MonkeyPatch) -> None:
    """Does not tell no bytes from no result."""

    @around(patch, Item, "settle")
    def settle(old: Any, item: Item, outcome: Outcome, now: float) -> None:
        old(item, msgspec.structs.replace(outcome, result=outcome.result or None), now)


@breaks("11", "large_results_arrive_byte_for_byte")
def cuts_large_results(patch: pytest.MonkeyPatch) -> None:
    """Keeps the first 64 kB of a result."""

    @around(patch, Item, "settle")
    def settle(old: Any, item: Item, outcome: Outcome, now: float) -> None:
        result = None if outcome.result is None else outcome.result[:65_536]
        old(item, msgspec.structs.replace(outcome, result=result), now)
