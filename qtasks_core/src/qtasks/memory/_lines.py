"""Who is next: a heap of ready tasks for each queue, and one of those that are not due yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from itertools import count

from qtasks.memory._item import Item, Spot


class Lines:
    """The order in which tasks are handed out.

    A task that leaves out of turn stays in its heap and is skipped when its time comes.
    """

    def __init__(self) -> None:
        self._ready: dict[str, list[tuple[int, int, Item]]] = {}
        self._due: list[tuple[float, int, Item]] = []
        self._seq = count(1)

    def append(self, item: Item) -> None:
        """Put it behind all that are ready with its priority."""
        item.seq = next(self._seq)
        self.restore(item)

    def restore(self, item: Item) -> None:
        """Put it back to the place that it had."""
        item.spot = Spot.READY
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
            item.spot = Spot.OUT
            taken.append(item)
        return taken

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
        while heap and not (heap[0][2].spot is Spot.READY and heap[0][2].seq == heap[0][1]):
            heappop(heap)
        if not heap:
            del self._ready[queue]
        return heap

    def clear(self) -> None:
        """Forget all."""
        self._ready.clear()
        self._due.clear()
