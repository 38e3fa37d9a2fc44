"""What tasks yield, and who listens (contract 9)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from conformance.mutating import around, breaks

from qtasks.memory import AsyncMemoryStorage
from qtasks.memory._item import Item
from qtasks.memory._said import Said
from qtasks.memory._waits import Waits
from qtasks.models import GiveBack, Items, Outcome, Record, Report
from qtasks.status import TaskStatus


def replace_listen(patch: pytest.MonkeyPatch, new: Any) -> None:
    """Put another `listen` in place, which gets the old one first."""
    old = AsyncMemoryStorage.listen

    async def listen(storage: AsyncMemoryStorage, *args: Any) -> Items:
        found: Items = await new(old, storage, *args)
        return found

    patch.setattr(AsyncMemoryStorage, "listen", listen)


async def record_of(storage: AsyncMemoryStorage, task_id: str) -> Record | None:
    """Return a record as it is."""
    (record,) = await storage.get([task_id])
    return record


def replace_items(patch: pytest.MonkeyPatch, change: Any) -> None:
    """Let every answer of `listen` be changed."""

    async def listen(old: Any, storage: AsyncMemoryStorage, *args: Any) -> Items:
        heard: Items = await old(storage, *args)
        return msgspec.structs.replace(heard, items=change(heard.items))

    replace_listen(patch, listen)


@breaks("9", "items_come_in_order", "repeated_report_yields_nothing_twice")
def gives_the_last_item_first(patch: pytest.MonkeyPatch) -> None:
    """Turns the items around."""
    replace_items(patch, lambda items: items[::-1])


@breaks("9", "items_come_in_order")
def loses_empty_items(patch: pytest.MonkeyPatch) -> None:
    """Takes an item without bytes for none."""
    replace_items(patch, lambda items: tuple(item for item in items if item))


@breaks(
    "9",
    "listener_is_woken_by_an_item",
    "listener_may_come_before_the_delivery",
    "new_delivery_begins_anew",
)
def wakes_no_listener(patch: pytest.MonkeyPatch) -> None:
    """Leaves listeners to find out at the end."""
    patch.setattr(Waits, "said", lambda *_args: None)


@breaks("9", "listener_may_come_before_the_delivery", "cancel_of_a_waiting_task_ends_the_listening")
def gives_up_on_what_waits(patch: pytest.MonkeyPatch) -> None:
    """Answers that there is nothing where the task does not run yet."""

    async def listen(old: Any, storage: AsyncMemoryStorage, task_id: str, *seen: int) -> Items:
        record = await record_of(storage, task_id)
        if record is not None and record.status is TaskStatus.NEW:
            return Items(record)
        heard: Items = await old(storage, task_id, *seen)
        return heard

    replace_listen(patch, listen)


@breaks("9", "listener_goes_on_where_it_was", "no_item_is_missed", "end_is_heard_with_what_is_left")
def begins_always_anew(patch: pytest.MonkeyPatch) -> None:
    """Gives everything again that a listener has heard."""

    async def listen(old: Any, storage: AsyncMemoryStorage, task_id: str, delivery: int, _: int) -> Items:
        heard: Items = await old(storage, task_id, delivery, 0)
        return heard

    replace_listen(patch, listen)


@breaks("9", "late_listener_hears_everything", "items_are_heard_for_a_minute_after_the_end")
def forgets_what_somebody_has_heard(patch: pytest.MonkeyPatch) -> None:
    """Keeps items until the first listener has them, or the task has ended."""

    @around(patch, Said, "beyond")
    def beyond(old: Any, said: Said, *seen: int) -> Any:
        first, found = old(said, *seen)
        for number in range(first, first + len(found)):
            said._items.pop(number, None)
        return first, found

    _forget_at_the_end(patch)


@breaks("9", "end_is_heard_with_what_is_left", "items_are_heard_for_a_minute_after_the_end")
def forgets_items_at_the_end(patch: pytest.MonkeyPatch) -> None:
    """Throws away what nobody has heard when the task ends."""
    _forget_at_the_end(patch)


def _forget_at_the_end(patch: pytest.MonkeyPatch) -> None:
    @around(patch, Item, "settle")
    def settle(old: Any, item: Item, outcome: Outcome, now: float) -> None:
        old(item, outcome, now)
        if item.said is not None:
            item.said.forget_items()


@breaks("9", "items_are_heard_for_a_minute_after_the_end")
def forgets_items_soon_after_the_end(patch: pytest.MonkeyPatch) -> None:
    """Keeps items for half a minute."""
    patch.setattr("qtasks.memory._board.ITEMS_STAY", 30.0)


@breaks("9", "repeated_report_yields_nothing_twice")
def keeps_repeated_items(patch: pytest.MonkeyPatch) -> None:
    """Puts every item behind those that are there."""

    @around(patch, Said, "hear")
    def hear(old: Any, said: Said, report: Report) -> None:
        old(said, msgspec.structs.replace(report, first=said.end))


@breaks("9", "no_item_is_missed")
def loses_an_item_now_and_then(patch: pytest.MonkeyPatch) -> None:
    """Wakes no listener for one report of fifty, and keeps no item of it."""
    report = AsyncMemoryStorage.report

    async def lose(storage: AsyncMemoryStorage, reports: Sequence[Report]) -> None:
        await report(storage, [one for one in reports if one.first % 50 != 49])

    patch.setattr(AsyncMemoryStorage, "report", lose)


@breaks("9", "new_delivery_begins_anew")
def counts_on_through_all_deliveries(patch: pytest.MonkeyPatch) -> None:
    """Takes the items of a new delivery for those that the listener has heard of the old one."""

    @around(patch, Said, "beyond")
    def beyond(old: Any, said: Said, delivery: int, number: int) -> Any:
        return old(said, max(delivery, said.delivery), number)


@breaks("9", "items_of_an_earlier_delivery_go")
def mixes_deliveries(patch: pytest.MonkeyPatch) -> None:
    """Keeps what an earlier delivery has yielded beside what a later one yields."""

    @around(patch, Said, "hear")
    def hear(old: Any, said: Said, report: Report) -> None:
        if said.delivery:
            said.delivery = report.token.delivery
        old(said, report)


@breaks("9", "items_of_an_earlier_delivery_go")
def forgets_items_at_a_give_back(patch: pytest.MonkeyPatch) -> None:
    """Throws items away before a later delivery has yielded one."""

    @around(patch, Item, "give_back")
    def give_back(old: Any, item: Item, returned: GiveBack, now: float) -> None:
        old(item, returned, now)
        if item.said is not None:
            item.said.forget_items()


@breaks(
    "9",
    "end_ends_the_listening",
    "end_is_heard_with_what_is_left",
    "storage:listener_of_a_storage_is_woken",
)
def waits_for_more_after_the_end(patch: pytest.MonkeyPatch) -> None:
    """Goes on waiting for items where the task has ended."""

    async def listen(old: Any, storage: AsyncMemoryStorage, *args: Any) -> Items:
        heard: Items = await old(storage, *args)
        if heard.record is not None and not heard.items:
            await asyncio.sleep(3_600)
        return heard

    replace_listen(patch, listen)


@breaks("9", "end_ends_the_listening")
def hears_of_the_end_too_late(patch: pytest.MonkeyPatch) -> None:
    """Looks whether the task has ended once a second."""

    async def listen(old: Any, storage: AsyncMemoryStorage, *args: Any) -> Items:
        heard: Items = await old(storage, *args)
        if heard.record is not None and heard.record.status is TaskStatus.SUCCESS:
            await asyncio.sleep(1)
        return heard

    replace_listen(patch, listen)


@breaks("9", "unknown_task_is_heard_at_once", "storage:listener_of_a_storage_is_woken")
def listens_to_the_unknown(patch: pytest.MonkeyPatch) -> None:
    """Waits for ever for items of a task that was never there."""

    async def listen(old: Any, storage: AsyncMemoryStorage, task_id: str, *seen: int) -> Items:
        if await record_of(storage, task_id) is None:
            await asyncio.sleep(3_600)
        heard: Items = await old(storage, task_id, *seen)
        return heard

    replace_listen(patch, listen)


@breaks("9", "removed_record_ends_the_listening")
def forgets_listeners_of_removed_records(patch: pytest.MonkeyPatch) -> None:
    """Lets somebody listen for ever to a task whose record was removed."""
    patch.setattr(Waits, "removed", lambda *_args: None)
