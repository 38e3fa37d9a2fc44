"""Looking at records and queues, and removing records."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nlargest

from qtasks.memory._board import Board
from qtasks.memory._item import Item, Spot
from qtasks.models import Query, QueueInfo, Record


def find(board: Board, query: Query) -> list[Record]:
    """Return the records that the query names, the youngest first."""
    with board.step():
        named = (item for item in board.items.values() if _is_named(item, query))
        return [item.record() for item in nlargest(query.limit, named, key=_age)]


def _is_named(item: Item, query: Query) -> bool:
    return (
        (query.statuses is None or item.status in query.statuses)
        and (query.queue is None or item.message.queue == query.queue)
        and (query.task is None or item.message.task == query.task)
        and (query.after is None or _age(item) < query.after)
    )


def _age(item: Item) -> tuple[float, str]:
    return item.message.created_at, item.message.id


def delete(board: Board, ids: Sequence[str]) -> int:
    """Remove the records that are final and return how many."""
    with board.step():
        final = {i: item for i in ids if (item := board.items.get(i)) is not None and item.is_final}
        for item in final.values():
            board.drop(item)
        return len(final)


def queues(board: Board) -> list[QueueInfo]:
    """Return what each queue holds, by name."""
    with board.step():
        by_name: dict[str, list[Item]] = {}
        for items in (board.lines.waiting(), board.leases.held()):
            for item in items:
                by_name.setdefault(item.message.queue, []).append(item)
        return [_info(name, items) for name, items in sorted(by_name.items())]


def _info(name: str, items: Sequence[Item]) -> QueueInfo:
    spots = [item.spot for item in items]
    since = [item.since for item in items if item.spot is Spot.READY and item.since is not None]
    return QueueInfo(
        name,
        ready=spots.count(Spot.READY),
        delayed=spots.count(Spot.DUE),
        running=spots.count(Spot.HELD),
        oldest=min(since, default=None),
    )


def peek(board: Board, queue: str, limit: int) -> list[str]:
    """Return the ids of the next ready tasks of a queue, in their order."""
    with board.step():
        return [item.message.id for item in board.lines.peek(queue, limit)]
