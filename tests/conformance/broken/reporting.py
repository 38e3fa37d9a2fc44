"""What running bodies say of themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from conformance.mutating import around, breaks

from qtasks.memory import AsyncMemoryStorage
from qtasks.memory._item import Item
from qtasks.memory._said import Said
from qtasks.models import Outcome, Report
from qtasks.status import TaskStatus


@breaks(
    "reports",
    "progress_and_note_are_told",
    "what_is_not_said_stays",
    "last_report_is_told_after_the_end",
    "ignored_report_refuses_itself_alone",
    "items_come_in_order",
    "listener_is_woken_by_an_item",
    "listener_may_come_before_the_delivery",
    "storage:listener_of_a_storage_is_woken",
    "storage:reports_are_fenced_by_begin",
)
def hears_nothing(patch: pytest.MonkeyPatch) -> None:
    """Takes reports and forgets them."""

    async def report(*_args: Any) -> None:
        """Nothing."""

    patch.setattr(AsyncMemoryStorage, "report", report)


@breaks("reports", "what_is_not_said_stays")
def takes_silence_for_a_word(patch: pytest.MonkeyPatch) -> None:
    """Forgets the note when a report has none."""

    @around(patch, Said, "hear")
    def hear(old: Any, said: Said, report: Report) -> None:
        old(said, report)
        said.progress, said.note = report.progress, report.note


@breaks("reports", "what_is_not_said_stays")
def takes_zero_for_silence(patch: pytest.MonkeyPatch) -> None:
    """Does not hear that the progress is back at nothing."""

    @around(patch, Said, "hear")
    def hear(old: Any, said: Said, report: Report) -> None:
        old(said, msgspec.structs.replace(report, progress=report.progress or None))


@breaks("reports", "report_changes_nothing_else")
def takes_a_report_for_a_delivery(patch: pytest.MonkeyPatch) -> None:
    """Raises the token of a task whose body says something."""

    @around(patch, Item, "hear")
    def hear(old: Any, item: Item, report: Report, now: float) -> Any:
        heard = old(item, report, now)
        item.token = item.token._replace(delivery=item.token.delivery + 1)
        return heard


@breaks("reports", "last_report_is_told_after_the_end")
def forgets_reports_at_the_end(patch: pytest.MonkeyPatch) -> None:
    """Shows ended tasks as if they had said nothing."""

    @around(patch, Item, "settle")
    def settle(old: Any, item: Item, outcome: Outcome, now: float) -> None:
        old(item, outcome, now)
        if item.said is not None:
            item.said.progress = item.said.note = None


@breaks(
    "3",
    "report_of_an_old_delivery_is_ignored",
    "items_of_a_lost_run_are_ignored",
    "storage:reports_are_fenced_by_begin",
)
def hears_old_deliveries(patch: pytest.MonkeyPatch) -> None:
    """Does not look at the token of a report."""

    @around(patch, Item, "hear")
    def hear(old: Any, item: Item, report: Report, now: float) -> Any:
        return old(item, msgspec.structs.replace(report, token=item.token), now)


@breaks("3", "report_of_what_does_not_run_is_ignored", "ignored_report_refuses_itself_alone")
def hears_what_does_not_run(patch: pytest.MonkeyPatch) -> None:
    """Does not look whether the task is in anybody's hands."""

    @around(patch, Item, "hear")
    def hear(old: Any, item: Item, report: Report, now: float) -> Any:
        status, item.status = item.status, TaskStatus.PROCESS
        heard = old(item, report, now)
        item.status = status
        return heard


@breaks("reports", "report_of_what_does_not_run_is_ignored")
def stumbles_over_reports_of_the_unknown(patch: pytest.MonkeyPatch) -> None:
    """Raises where a report comes of a task that is gone."""
    report = AsyncMemoryStorage.report

    async def strict(storage: AsyncMemoryStorage, reports: Sequence[Report]) -> None:
        assert all(storage._hub._items[one.id] for one in reports)
        await report(storage, reports)

    patch.setattr(AsyncMemoryStorage, "report", strict)


@breaks("reports", "ignored_report_refuses_itself_alone")
def stops_at_the_first_stale_report(patch: pytest.MonkeyPatch) -> None:
    """Leaves the rest of a call after a report that it ignores."""
    report = AsyncMemoryStorage.report

    async def stop(storage: AsyncMemoryStorage, reports: Sequence[Report]) -> None:
        for one in reports:
            (record,) = await storage.get([one.id])
            if record is None or record.status is not TaskStatus.PROCESS:
                return
            await report(storage, [one])

    patch.setattr(AsyncMemoryStorage, "report", stop)


@breaks(
    "reports",
    "requeue_clears_what_was_said",
    "requeue_removes_the_items",
    "storage:requeue_clears_the_record",
)
def requeue_keeps_what_was_said(patch: pytest.MonkeyPatch) -> None:
    """Shows a requeued task at the end of its way."""

    @around(patch, Item, "reopen")
    def reopen(old: Any, item: Item, now: float) -> None:
        said = item.said
        old(item, now)
        item.said = said


@breaks("apps", "reports_of_one_app_are_not_those_of_another", "items_of_two_apps_never_meet")
def takes_reports_to_every_app(patch: pytest.MonkeyPatch) -> None:
    """Notes a report for tasks of this id in all apps of the place."""
    report = AsyncMemoryStorage.report

    async def everywhere(storage: AsyncMemoryStorage, reports: Sequence[Report]) -> None:
        own = storage._started
        for hub in storage.location._hubs.values():
            storage._started = hub
            await report(storage, reports)
        storage._started = own

    patch.setattr(AsyncMemoryStorage, "report", everywhere)
