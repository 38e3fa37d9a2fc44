"""Who is next: a heap of ready tasks for each queue, and one of those that are not due yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush, nsmallest
from itertools import count
from typing import Final

from qtasks.memory._item import Item, Spot

FEW: Final = 1_000
"""Tasks that have left out of turn and may stay in the heaps without a look at how many there are."""


class Lines:
    """The order in which tasks are handed out.

    A task that leaves out of turn stays in its heap and is skipped when its time comes.
    """

    def __init__(self) -> None:
        self._ready: dict[str, list[tuple[int, int, Item]]] = {}
        self._due: list[tuple[float, int, Item]] = []
        self._seq = count(1)
        self._gone = 0
        """At most so many entries of the heaps are of tasks that were removed."""

    def append(self, item: Item) -> None:
        """Put it behind all that are ready with its priority."""
        item.seq = next(self._seq)
        self.restore(item)

    def restore(self, item: Item) -> None:
        """Put it back to the place that it had."""
        item.spot = Spot.READY
        if item.lined != item.seq:
            item.lined = item.seq
            heap = self._ready.setdefault(item.message.queue, [])
            heappush(heap, (-item.message.priority, item.seq, item))

    def delay(self, item: Item, due: float) -> bool:
        """Keep it back until `due`, and return whether it is the first of these."""
        item.spot, item.due, item.seq = Spot.DUE, due, next(self._seq)
        heappush(self._due, (due, item.seq, item))
        return self._due[0][2] is item

    def next_due(self) -> float | None:
        """Return the moment at which the next one becomes ready."""
        return self._due[0][0] if self._due else None

    def pop_due(self, now: float) -> Iterator[Item]:
        """Take out what is due, the first one first."""
        while self._due and self._due[0][0] <= now:
            _, seq, item = heappop(self._due)
            if item.spot is Spot.DUE and item.seq == seq:
                item.spot = Spot.OUT
                yield item

    def take(self, queues: Sequence[str], limit: int) -> list[Item]:
        """Take out up to `limit` by priority, then by queue, then by age."""
        taken: list[Item] = []
        while len(taken) < limit and (heap := self._best(queues)):
            item = heappop(heap)[2]
            item.spot, item.lined = Spot.OUT, 0
            taken.append(item)
        return taken

    def take_by_tier(self, tiers: Sequence[Sequence[str]], limit: int) -> list[Item]:
        """Take out up to `limit`, all of an earlier tier before any of a later one."""
        if len(tiers) == 1:
            return self.take(tiers[0], limit)
        taken: list[Item] = []
        for queues in tiers:
            if len(taken) < limit:
                taken += self.take(queues, limit - len(taken))
        return taken

    def take_waiting(self, queue: str, limit: int) -> list[Item]:
        """Take out up to `limit` of what is ready in a queue or not due yet."""
        taken = self.take([queue], limit)
        for _, seq, item in self._due if len(taken) < limit else ():
            if len(taken) == limit:
                break
            if item.spot is Spot.DUE and item.seq == seq and item.message.queue == queue:
                self.remove(item)
                taken.append(item)
        return taken

    def remove(self, item: Item) -> None:
        """Take one out of turn."""
        item.spot = Spot.OUT
        self._gone += 1
        if self._gone > FEW and 2 * self._gone > len(self._due) + sum(map(len, self._ready.values())):
            self._sweep()

    def _sweep(self) -> None:
        self._gone = 0
        self._due = [entry for entry in self._due if _is_due(entry)]
        heapify(self._due)
        for queue, heap in tuple(self._ready.items()):
            for entry in heap:
                if not _is_ready(entry):
                    _leave(entry)
            heap[:] = [entry for entry in heap if _is_ready(entry)]
            heapify(heap)
            if not heap:
                del self._ready[queue]

    def waiting(self) -> Iterator[Item]:
        """Yield all that is ready or not due yet, in no order."""
        for heap in self._ready.values():
            yield from (entry[2] for entry in heap if _is_ready(entry))
        yield from (entry[2] for entry in self._due if _is_due(entry))

    def peek(self, queue: str, limit: int) -> list[Item]:
        """Return the next ready ones of a queue in their order, and leave them there."""
        ready = (entry for entry in self._ready.get(queue, ()) if _is_ready(entry))
        return [item for _, _, item in nsmallest(limit, ready)]

    def _best(self, queues: Sequence[str]) -> list[tuple[int, int, Item]] | None:
        best = None
        for queue in queues:
            heap = self._pruned(queue)
            if heap and (best is None or heap[0][0] < best[0][0]):
                best = heap
        return best

    def _pruned(self, queue: str) -> list[tuple[int, int, Item]] | None:
        heap = self._ready.get(queue)
        if heap is None:
            return None
        while heap and not _is_ready(heap[0]):
            _leave(heappop(heap))
        if not heap:
            del self._ready[queue]
        return heap

    def clear(self) -> None:
        """Forget all."""
        self._ready.clear()
        self._due.clear()
        self._gone = 0


def _leave(entry: tuple[int, int, Item]) -> None:
    """Note that this entry of a task is in its heap no more."""
    if entry[2].lined == entry[1]:
        entry[2].lined = 0


def _is_ready(entry: tuple[int, int, Item]) -> bool:
    return entry[2].spot is Spot.READY and entry[2].seq == entry[1]


def _is_due(entry: tuple[float, int, Item]) -> bool:
    return entry[2].spot is Spot.DUE and entry[2].seq == entry[1]
