"""The tasks of one app at one place, and every way in which one moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from heapq import heappop, heappush
from itertools import count
from threading import Lock

from qtasks.clock import Clock
from qtasks.memory._item import Item, Spot
from qtasks.memory._leases import Holder, Leases
from qtasks.memory._lines import Lines
from qtasks.memory._mail import Mail
from qtasks.memory._said import ITEMS_STAY
from qtasks.memory._unique import Keys
from qtasks.memory._waits import Waits
from qtasks.memory._wake import follow
from qtasks.status import TaskStatus


class Board:
    """The state that all steps change, one at a time.

    Each step takes the lock, does first what the clock demands (leases that have ended, tasks that
    have become due, records that have expired), and wakes at its end whom it concerns.
    """

    def __init__(self, clock: Clock, *, keeps: bool = True) -> None:
        self.clock = clock
        self.keeps = keeps
        """Whether a task stays as a record after its end."""
        self._lock = Lock()
        self._items: dict[str, Item] = {}
        self._counts: Counter[TaskStatus] = Counter()
        self._keys = Keys()
        self.lines = Lines()
        self.leases = Leases()
        self.waits = Waits()
        self.mail = Mail()
        self._removals: list[tuple[float, int, Item]] = []
        self._seq = count(1)

    def follow(self, clock: Clock) -> None:
        """Take the time from this clock, and look again whenever it is moved."""
        self.clock = clock
        follow(clock, self.look_again)

    def look_again(self) -> None:
        """Wake everybody who sleeps until some moment."""
        with self._lock:
            self.waits.look_again()

    @property
    def items(self) -> Mapping[str, Item]:
        """All tasks by id, to be looked at within a step."""
        return self._items

    def number_of(self, status: TaskStatus) -> int:
        """Return how many tasks have this status, within a step."""
        return self._counts[status]

    def step(self) -> AbstractContextManager[float]:
        """Begin a step of somebody else's; its value is the present moment."""
        return self._step()

    @contextmanager
    def _step(self) -> Iterator[float]:
        with self._lock:
            now = self.clock.now()
            self._end_leases(self.clock.boot(), now)
            self._ripen(now)
            self._expire(now)
            yield now
            self.waits.ring()

    def _end_leases(self, boot: float, now: float) -> None:
        for holder in self.leases.pop_ended(boot):
            self._lose_all(holder, now)

    def _lose_all(self, holder: Holder, now: float) -> None:
        for item in holder.items.values():
            item.holder = None
            item.lose(now)
            self._return(item)
            self._moved(item, TaskStatus.PROCESS)
        holder.items.clear()

    def _ripen(self, now: float) -> None:
        for item in self.lines.pop_due(now):
            before = item.status
            if before is TaskStatus.DELAYED:
                item.status, item.updated_at = TaskStatus.NEW, now
            if item.since is None:
                item.since = item.due
            self._enqueue(item, None, now)
            self._moved(item, before)

    def _expire(self, now: float) -> None:
        while self._removals and self._removals[0][0] <= now:
            moment, _, item = heappop(self._removals)
            if self._items.get(item.message.id) is not item:
                continue
            if item.remove_at == moment:
                self._drop(item)
            elif item.said is not None and item.said.until == moment:
                item.said.forget_items()

    def _enqueue(self, item: Item, due: float | None, now: float) -> None:
        if due is not None and due > now:
            if self.lines.delay(item, due):
                self.waits.sooner()
            return
        if item.since is None:
            item.since = now
        if item.queued:
            self.lines.append(item)
            self.waits.ready(item.message.queue)

    def _return(self, item: Item) -> None:
        if item.queued:
            self.lines.restore(item)
            self.waits.ready(item.message.queue)

    def _hold(self, item: Item, holder: Holder) -> None:
        item.spot, item.holder = Spot.HELD, holder
        holder.items[item.message.id] = item

    def _let_go(self, item: Item) -> None:
        item.spot = Spot.OUT
        if item.holder is not None:
            item.holder.items.pop(item.message.id, None)
            item.holder = None

    def _moved(self, item: Item, before: TaskStatus) -> None:
        self._counts[before] -= 1
        self._counts[item.status] += 1
        if (unique := item.message.unique) is not None:
            self._keys.remove(item, unique, before)
            self._keys.add(item, unique)
        self.waits.changed(item)

    def end(self, item: Item, reason: str, remove_at: float | None, now: float) -> None:
        """End a task that waits as `cancel`, within a step."""
        before = item.status
        if item.spot is not Spot.OUT:
            self.lines.remove(item)
        item.end(reason, remove_at, now)
        self._moved(item, before)
        self._keep_for_a_while(item, now)

    def _keep_for_a_while(self, item: Item, now: float) -> None:
        if item.remove_at is not None:
            heappush(self._removals, (item.remove_at, next(self._seq), item))
        if item.said is not None and item.said.has_items:
            item.said.until = now + ITEMS_STAY
            heappush(self._removals, (item.said.until, next(self._seq), item))

    def drop(self, item: Item) -> None:
        """Remove a task and its record, within a step."""
        if item.spot in {Spot.READY, Spot.DUE}:
            self.lines.remove(item)
        self._drop(item)

    def _drop(self, item: Item) -> None:
        self._let_go(item)
        del self._items[item.message.id]
        self._counts[item.status] -= 1
        if (unique := item.message.unique) is not None:
            self._keys.remove(item, unique, item.status)
        self.waits.removed(item.message.id)
