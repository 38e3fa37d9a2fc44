"""What running bodies say, and who listens."""

from __future__ import annotations

from collections.abc import Sequence

from qtasks.memory._board import Board
from qtasks.memory._said import Said
from qtasks.memory._wake import Listener
from qtasks.models import Items, Report


def report(board: Board, reports: Sequence[Report]) -> None:
    """Keep what bodies say of themselves, and wake who listens."""
    with board.step() as now:
        for one in reports:
            item = board.items.get(one.id)
            if item is not None and item.hear(one, now) and one.items:
                board.waits.said(one.id)


def hear(board: Board, task_id: str, delivery: int, number: int, listener: Listener) -> Items | None:
    """Return what the listener has not heard yet; where there is nothing, have it woken by news."""
    with board.step():
        item = board.items.get(task_id)
        if item is None:
            return Items(None, delivery, number)
        said = item.said or Said()
        first, found = said.beyond(delivery, number)
        if found or item.is_final:
            return Items(item.record(), max(delivery, said.delivery), first, found)
        board.waits.wait(task_id, listener)
        return None
