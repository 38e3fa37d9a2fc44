"""Looking at records and queues, and removing records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from heapq import nlargest, nsmallest

from qtasks.memory._board import Board
from qtasks.memory._item import Item, Spot
from qtasks.models import Query, QueueInfo, Record
from qtasks.status import TaskStatus


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


def dead(board: Board) -> dict[str, int]:
    """Return how many dead letters each queue has."""
    with board.step():
        return Counter(item.message.queue for item in _dead(board))


def trim_dead(board: Board, keep: int) -> int:
    """Remove dead letters, those that ended first, until so many are left; return how many went."""
    with board.step():
        excess = board.number_of(TaskStatus.DEAD) - max(keep, 0)
        oldest = nsmallest(excess, _dead(board), key=_end) if excess > 0 else []
        for item in oldest:
            board.drop(item)
        return len(oldest)


def _dead(board: Board) -> Iterator[Item]:
    """Look through all there is, unless there are none: both askers are rare."""
    if board.number_of(TaskStatus.DEAD):
        yield from (item for item in board.items.values() if item.status is TaskStatus.DEAD)


def _end(item: Item) -> float:
    return item.finished_at or 0.0


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
