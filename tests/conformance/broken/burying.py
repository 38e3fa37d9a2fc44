"""Dead letters: counted by queue, bounded in number (contracts 8 and 11), and what a history keeps (5)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from conformance.mutating import around, breaks

from qtasks.memory import AsyncMemoryStorage, _looking
from qtasks.memory._board import Board
from qtasks.memory._item import Item
from qtasks.memory._waits import Waits
from qtasks.models import GiveBack, GiveBackReason
from qtasks.status import TaskStatus

_BY_QUEUE = ("dead_letters_are_counted_by_queue", "storage:dead_letters_are_counted_and_trimmed")
_OLDEST = ("those_that_ended_first_are_trimmed", "storage:dead_letters_are_counted_and_trimmed")
_ONE_LINE = ("history_of_a_task_that_waits_for_its_turn_stays", "storage:limited_give_backs_are_one_line")


@breaks("8", *_BY_QUEUE)
def counts_every_end_as_dead(patch: pytest.MonkeyPatch) -> None:
    """Counts whatever has ended as a dead letter."""

    def dead(board: Board) -> dict[str, int]:
        with board.step():
            return Counter(item.message.queue for item in board.items.values() if item.is_final)

    patch.setattr(_looking, "dead", dead)


@breaks("8", "dead_letters_are_counted_by_queue")
def counts_the_dead_of_all_queues_together(patch: pytest.MonkeyPatch) -> None:
    """Knows how many dead letters there are, and not where."""

    @around(patch, _looking, "dead")
    def dead(old: Any, board: Board) -> dict[str, int]:
        return {"default": sum(old(board).values())}


@breaks("8", "what_is_dead_no_more_is_not_counted")
def counts_what_was_dead(patch: pytest.MonkeyPatch) -> None:
    """Counts every dead letter there ever was."""
    known: set[str] = set()

    def dead(board: Board) -> dict[str, int]:
        with board.step():
            known.update(task_id for task_id, item in board.items.items() if item.status is TaskStatus.DEAD)
            return {"default": len(known)}

    patch.setattr(_looking, "dead", dead)


@breaks("11", *_OLDEST)
def trims_the_youngest(patch: pytest.MonkeyPatch) -> None:
    """Keeps the dead letters that came first, and drops what has just died."""

    @around(patch, _looking, "_end")
    def end(old: Any, item: Item) -> float:
        return -float(old(item))


@breaks("11", "those_that_ended_first_are_trimmed")
def trims_by_the_moment_of_sending(patch: pytest.MonkeyPatch) -> None:
    """Takes the dead letter that was sent first for the one that ended first."""
    patch.setattr(_looking, "_end", lambda item: item.message.created_at)


@breaks("11", *_OLDEST, "trimmed_record_ends_the_wait", "trimming_together_removes_no_more")
def keeps_every_dead_letter(patch: pytest.MonkeyPatch) -> None:
    """Has no bound."""
    patch.setattr(_looking, "trim_dead", lambda *_args: 0)


@breaks("11", "trim_leaves_what_is_not_dead")
def trims_what_has_ended(patch: pytest.MonkeyPatch) -> None:
    """Trims all that has ended, however."""

    def ended(board: Board) -> Iterable[Item]:
        return [item for item in board.items.values() if item.is_final]

    patch.setattr(_looking, "_dead", ended)


@breaks("11", "trim_within_the_bound_removes_nothing")
def trims_one_too_many(patch: pytest.MonkeyPatch) -> None:
    """Keeps one less than it was told to keep."""

    @around(patch, _looking, "trim_dead")
    def trim(old: Any, board: Board, keep: int) -> int:
        return int(old(board, keep - 1))


@breaks("11", "trimming_together_removes_no_more")
def trims_what_was_too_much_before(patch: pytest.MonkeyPatch) -> None:
    """Counts, waits, and removes as many as were too many when it counted."""

    async def trim(storage: AsyncMemoryStorage, keep: int) -> int:
        excess = max(sum((await storage.dead()).values()) - keep, 0)
        await asyncio.sleep(0)
        left = sum((await storage.dead()).values()) - excess
        return _looking.trim_dead(storage._hub, left)

    patch.setattr(AsyncMemoryStorage, "trim_dead", trim)


@breaks("9", "trimmed_record_ends_the_wait")
def trims_in_silence(patch: pytest.MonkeyPatch) -> None:
    """Removes dead letters without a word to those who wait."""

    @around(patch, _looking, "trim_dead")
    def trim(old: Any, board: Board, keep: int) -> int:
        with pytest.MonkeyPatch.context() as silent:
            silent.setattr(Waits, "removed", lambda *_args: None)
            return int(old(board, keep))


@breaks("apps", "dead_letters_of_another_app_stay")
def trims_every_app(patch: pytest.MonkeyPatch) -> None:
    """Trims the dead letters of all apps of the place."""

    async def trim(storage: AsyncMemoryStorage, keep: int) -> int:
        return sum(_looking.trim_dead(hub, keep) for hub in storage.location._hubs.values())

    patch.setattr(AsyncMemoryStorage, "trim_dead", trim)


@breaks("apps", "dead_letters_of_another_app_stay")
def counts_the_dead_of_every_app(patch: pytest.MonkeyPatch) -> None:
    """Counts the dead letters of all apps of the place."""

    async def dead(storage: AsyncMemoryStorage) -> dict[str, int]:
        return sum((Counter(_looking.dead(hub)) for hub in storage.location._hubs.values()), Counter())

    patch.setattr(AsyncMemoryStorage, "dead", dead)


@breaks("5", *_ONE_LINE)
def writes_a_line_for_each_wait(patch: pytest.MonkeyPatch) -> None:
    """Fills the history with give-backs that count for nothing."""
    patch.setattr(GiveBackReason, "folds", property(lambda _reason: False))


@breaks("5", "each_give_back_that_counts_has_a_line")
def writes_one_line_for_all_of_a_kind(patch: pytest.MonkeyPatch) -> None:
    """Folds give-backs that count as well."""
    patch.setattr(GiveBackReason, "folds", property(lambda _reason: True))


@breaks("5", *_ONE_LINE)
def keeps_the_first_of_a_kind(patch: pytest.MonkeyPatch) -> None:
    """Tells of the first of several give-backs that count for nothing, and of no later one."""

    @around(patch, Item, "give_back")
    def give_back(old: Any, item: Item, returned: GiveBack, now: float) -> None:
        before = item.history
        old(item, returned, now)
        if len(item.history) == len(before) and returned.reason.folds:
            item.history = before
