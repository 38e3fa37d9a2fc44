"""Who holds what, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush

from qtasks.memory._item import Item
from qtasks.models import WorkerInfo
from qtasks.worker.identity import is_gone


@dataclass(slots=True, eq=False)
class Holder:
    """One worker and what is leased to it."""

    info: WorkerInfo
    until: float
    """End of the lease, on the boot clock."""
    mark: float
    """The moment at which its end is looked at next."""
    items: dict[str, Item] = field(default_factory=dict)


class Leases:
    """The holders, in the order in which their leases end.

    A renewal only moves `until`; the heap learns of it when the old moment comes.
    """

    def __init__(self) -> None:
        self._holders: dict[str, Holder] = {}
        self._ends: list[tuple[float, str]] = []

    def renew(self, info: WorkerInfo, until: float) -> Holder:
        """Prolong the lease of this worker, or begin one."""
        holder = self._holders.get(info.id)
        if holder is None:
            holder = self._holders[info.id] = Holder(info, until, until)
            heappush(self._ends, (until, info.id))
        holder.until = until
        if until < holder.mark:
            self._mark(holder)
        return holder

    def held_by(self, worker_id: str) -> tuple[Item, ...]:
        """Return what is leased to this worker."""
        holder = self._holders.get(worker_id)
        return () if holder is None else tuple(holder.items.values())

    def held(self) -> Iterator[Item]:
        """Yield all that is leased."""
        for holder in self._holders.values():
            yield from holder.items.values()

    def next_end(self) -> float | None:
        """Return the moment, on the boot clock, at which a lease may end."""
        return self._ends[0][0] if self._ends else None

    def pop_ended(self, boot: float) -> Iterator[Holder]:
        """Take out the holders whose lease has run out."""
        while self._ends and self._ends[0][0] <= boot:
            mark, worker_id = heappop(self._ends)
            holder = self._holders.get(worker_id)
            if holder is None or holder.mark != mark:
                continue
            if holder.until > boot:
                self._mark(holder)
            else:
                del self._holders[worker_id]
                yield holder

    def pop_gone(self) -> Iterator[Holder]:
        """Take out the holders whose process has provably ended."""
        for worker_id, holder in tuple(self._holders.items()):
            if is_gone(holder.info):
                del self._holders[worker_id]
                yield holder

    def _mark(self, holder: Holder) -> None:
        holder.mark = holder.until
        heappush(self._ends, (holder.until, holder.info.id))
