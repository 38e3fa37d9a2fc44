"""Ending tasks from outside: one by one, a queue at a time, or only what a queue holds of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from qtasks.memory._board import Board
from qtasks.memory._item import Item
from qtasks.models import Cancel, Cancelled
from qtasks.status import WAITING, TaskStatus


def cancel(board: Board, wishes: Sequence[Cancel]) -> list[Cancelled]:
    """End what waits; note the wish on what is in hand, and tell its worker."""
    with board.step() as now:
        return [_cancel(board, wish, now) for wish in wishes]


def _cancel(board: Board, wish: Cancel, now: float) -> Cancelled:
    item = board.items.get(wish.id)
    if item is None:
        return Cancelled.UNKNOWN
    if item.is_final:
        return Cancelled.FINAL
    if item.status is TaskStatus.PROCESS:
        _ask(board, item, wish.reason, now)
        return Cancelled.ASKED
    _end(board, item, wish.reason, wish.remove_at, now)
    return Cancelled.ENDED


def purge(board: Board, queue: str, reason: str, remove_at: float | None, limit: int) -> list[str]:
    """End up to `limit` waiting tasks of a queue and return their ids."""
    with board.step() as now:
        ended: list[str] = []
        for look in (_lined_up, _queued_elsewhere):
            for item in look(board, queue, max(limit - len(ended), 0)):
                _end(board, item, reason, remove_at, now)
                ended.append(item.message.id)
        return ended


def _lined_up(board: Board, queue: str, limit: int) -> list[Item]:
    return board.lines.take_waiting(queue, limit)


def _queued_elsewhere(board: Board, queue: str, limit: int) -> list[Item]:
    """Look through all there is, which is the rare case."""
    if not limit:
        return []
    waiting = (item for item in board.items.values() if _waits_in(item, queue))
    return list(islice(waiting, limit))


def _waits_in(item: Item, queue: str) -> bool:
    return item.status in WAITING and item.message.queue == queue


def discard(board: Board, ids: Sequence[str], reason: str) -> None:
    """Drop the entries of tasks that the storage has cancelled; tell those who have them in hand."""
    if board.keeps:
        return  # the records are here: cancelling has taken the entries off
    with board.step() as now:
        for task_id in ids:
            item = board.items.get(task_id)
            if item is not None:
                _discard(board, item, reason, now)


def _discard(board: Board, item: Item, reason: str, now: float) -> None:
    if item.status is TaskStatus.PROCESS or item.lost_by is not None:
        # What a lease has lost may still be in hand for its record: it comes again, with the wish.
        _ask(board, item, reason, now)
    else:
        board.drop(item)


def _ask(board: Board, item: Item, reason: str, now: float) -> None:
    item.updated_at = now
    if item.cancel is None:  # the first reason counts, and is told once
        item.cancel = reason
        board.mail.post(item.worker, item, reason)


def _end(board: Board, item: Item, reason: str, remove_at: float | None, now: float) -> None:
    if item.lost_by is not None:
        board.mail.post(item.lost_by, item, reason)  # it may run there still
    board.end(item, reason, remove_at, now)
