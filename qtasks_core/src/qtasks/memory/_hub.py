"""The tasks of one app at one place: every step of every component, one at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from heapq import heappop, heappush
from itertools import count
from threading import Lock

from msgspec import structs

from qtasks.clock import Clock
from qtasks.memory._item import Item, Spot
from qtasks.memory._leases import Holder, Leases
from qtasks.memory._lines import Lines
from qtasks.memory._waits import Waits
from qtasks.memory._wake import Sleeper, Waiter
from qtasks.models import Counts, Delivery, GiveBack, Message, Outcome, Record, Settled, Token, WorkerInfo
from qtasks.status import TaskStatus


class Hub:
    """What a broker and its storage share; a broker under a foreign storage has one of its own.

    Each step takes the lock, does first what the clock demands (leases that have ended, tasks that
    have become due, records that have expired), and wakes at its end whom it concerns.
    """

    def __init__(self, clock: Clock, *, keeps: bool = True) -> None:
        self.clock = clock
        self._keeps = keeps
        """Whether a task stays as a record after its end."""
        self._lock = Lock()
        self._items: dict[str, Item] = {}
        self._counts: Counter[TaskStatus] = Counter()
        self._lines = Lines()
        self._leases = Leases()
        self._waits = Waits()
        self._removals: list[tuple[float, int, Item]] = []
        self._seq = count(1)

    @contextmanager
    def _step(self) -> Iterator[float]:
        with self._lock:
            now = self.clock.now()
            self._end_leases(self.clock.boot(), now)
            self._ripen(now)
            self._expire(now)
            yield now
            self._waits.ring()

    def publish(self, messages: Sequence[Message], *, queued: bool) -> None:
        """Add what is not known yet."""
        with self._step() as now:
            for message in messages:
                known = self._items.get(message.id)
                if known is None:
                    self._add(message, now, queued=queued)
                elif not self._keeps and _is_later(message.token, known.token):
                    self._replace(known, message, now)

    def _replace(self, known: Item, message: Message, now: float) -> None:
        """Begin a later epoch although the queue has not heard yet how the one before has ended."""
        self._drop(known)
        delivery = max(known.token.delivery, message.token.delivery)
        token = message.token._replace(delivery=delivery)
        self._add(structs.replace(message, token=token), now, queued=True)

    def _add(self, message: Message, now: float, *, queued: bool) -> None:
        delayed = message.due is not None and message.due > now
        status = TaskStatus.DELAYED if delayed else TaskStatus.NEW
        item = self._items[message.id] = Item(message, queued, status, now, message.token, due=message.due)
        self._counts[status] += 1
        self._enqueue(item, message.due, now)

    def _enqueue(self, item: Item, due: float | None, now: float) -> None:
        if due is not None and due > now:
            if self._lines.delay(item, due):
                self._waits.sooner()
            return
        if item.since is None:
            item.since = now
        if item.queued:
            self._lines.append(item)
            self._waits.ready(item.message.queue)

    def enlist(self, worker: WorkerInfo, lease: float, *, take_over: bool) -> None:
        """Make the worker a holder of leases."""
        with self._step() as now:
            self._leases.renew(worker, self.clock.boot() + lease)
            if take_over:
                for holder in self._leases.pop_gone():
                    self._lose_all(holder, now)

    def claim(
        self, worker: WorkerInfo, queues: Sequence[str], limit: int, lease: float, sleeper: Sleeper
    ) -> list[Delivery]:
        """Lease up to `limit` tasks to the worker; where there is none, have the sleeper woken by news."""
        with self._step() as now:
            items = self._lines.take(queues, limit)
            if not items:
                self._waits.watch(sleeper, queues)
                sleeper.longest = self._next_moment(now)
                return []
            holder = self._leases.renew(worker, self.clock.boot() + lease)
            return [self._hand_over(item, holder, now) for item in items]

    def _hand_over(self, item: Item, holder: Holder, now: float) -> Delivery:
        before = item.status
        delivery = item.deliver(holder.info.id, now)
        self._hold(item, holder)
        self._moved(item, before)
        return delivery

    def _next_moment(self, now: float) -> float | None:
        due, end = self._lines.next_due(), self._leases.next_end()
        until_due = None if due is None else due - now
        until_end = None if end is None else end - self.clock.boot()
        return min((seconds for seconds in (until_due, until_end) if seconds is not None), default=None)

    def awake(self, sleeper: Sleeper) -> None:
        """Wake it no more."""
        with self._lock:
            self._waits.unwatch(sleeper)

    def renew(
        self, worker: WorkerInfo, held: Sequence[tuple[str, Token]], lease: float
    ) -> list[tuple[str, Token]]:
        """Prolong the worker's lease and return what of `held` has gone to somebody else.

        What its lease lost and nobody has fetched since is its own again.
        """
        with self._step():
            holder = self._leases.renew(worker, self.clock.boot() + lease)
            return [(task_id, token) for task_id, token in held if not self._keep(task_id, token, holder)]

    def _keep(self, task_id: str, token: Token, holder: Holder) -> bool:
        item = self._items.get(task_id)
        if item is None:
            return True  # ended or removed: nobody else has it
        if item.lost_by == holder.info.id and item.token == token:
            before = item.status
            item.adopt(self.clock.now())
            self._hold(item, holder)
            self._moved(item, before)
        return item.token <= token

    def begin(self, deliveries: Sequence[Delivery], worker_id: str) -> list[bool]:
        """Note the deliveries that another broker has made; False where nothing is left to run."""
        with self._step() as now:
            return [self._begin(delivery, worker_id, now) for delivery in deliveries]

    def _begin(self, delivery: Delivery, worker_id: str, now: float) -> bool:
        item = self._items.get(delivery.id)
        if item is None or item.is_final or delivery.token.attempt <= item.attempts:
            return False
        if delivery.token < item.token:
            return False  # a younger one is known: its outcome would be stale
        before = item.status
        if before is TaskStatus.PROCESS:
            if delivery.token == item.token:
                return True
            item.lose(now)
        item.losses, item.turns = delivery.losses, delivery.turns
        item.begin(delivery.token, worker_id, now)
        item.spot = Spot.OUT
        self._moved(item, before)
        return True

    def settle(self, outcomes: Sequence[Outcome]) -> list[Settled]:
        """Record the outcomes whose token is still the youngest."""
        with self._step() as now:
            return [self._settle(outcome, now) for outcome in outcomes]

    def _settle(self, outcome: Outcome, now: float) -> Settled:
        item = self._items.get(outcome.id)
        if item is None:
            return Settled.STALE
        if outcome.token == item.settled:
            return Settled.RECORDED
        if item.is_final or outcome.token != item.token:
            return Settled.STALE
        before = item.status
        self._let_go(item)
        item.settle(outcome, now)
        self._moved(item, before)
        if not item.is_final:
            item.due = outcome.due
            self._enqueue(item, outcome.due, now)
        elif not self._keeps:
            self._drop(item)
        elif item.remove_at is not None:
            heappush(self._removals, (item.remove_at, next(self._seq), item))
        return Settled.RECORDED

    def give_back(self, returned: Sequence[GiveBack]) -> None:
        """Put deliveries back whose token is still the youngest."""
        with self._step() as now:
            for one in returned:
                item = self._items.get(one.id)
                if item is not None and item.status is TaskStatus.PROCESS and item.token == one.token:
                    self._give_back(item, one, now)

    def _give_back(self, item: Item, returned: GiveBack, now: float) -> None:
        self._let_go(item)
        item.give_back(returned, now)
        self._moved(item, TaskStatus.PROCESS)
        if returned.delay > 0:
            self._enqueue(item, now + returned.delay, now)
        else:
            self._return(item)

    def get(self, ids: Sequence[str]) -> list[Record | None]:
        """Return the records."""
        with self._step():
            items = [self._items.get(task_id) for task_id in ids]
            return [None if item is None else item.record() for item in items]

    def wait(self, task_id: str, waiter: Waiter) -> None:
        """Answer the waiter now, or have it told later."""
        with self._step() as now:
            item = self._items.get(task_id)
            if item is None or item.status in waiter.until:
                waiter.tell(None if item is None else item.record())
                return
            self._waits.wait(task_id, waiter)
            waiter.longest = self._next_change(item, now) if waiter.is_eager or item.is_final else None

    def _next_change(self, item: Item, now: float) -> float | None:
        if item.holder is not None:
            return item.holder.until - self.clock.boot()
        moment = item.due if item.spot is Spot.DUE else item.remove_at
        return None if moment is None else moment - now

    def leave(self, task_id: str, waiter: Waiter) -> None:
        """Tell the waiter nothing more."""
        with self._lock:
            self._waits.leave(task_id, waiter)

    def requeue(self, ids: Sequence[str]) -> list[Message | None]:
        """Open a new epoch for what is final, and queue what this hub queues."""
        with self._step() as now:
            return [self._requeue(task_id, now) for task_id in ids]

    def _requeue(self, task_id: str, now: float) -> Message | None:
        item = self._items.get(task_id)
        if item is None or not item.is_final:
            return None
        before = item.status
        item.reopen(now)
        self._moved(item, before)
        self._enqueue(item, None, now)
        return structs.replace(item.message, due=None, token=item.token)

    def counts(self) -> Counts:
        """Count the records by status."""
        with self._step():
            return Counts({status: number for status, number in self._counts.items() if number})

    def delete_finished(self) -> int:
        """Remove what is final and return how many."""
        with self._step():
            final = [item for item in self._items.values() if item.is_final]
            for item in final:
                self._drop(item)
            return len(final)

    def flush(self) -> None:
        """Remove every task. Workers stay holders, of nothing."""
        with self._step():
            for item in tuple(self._items.values()):
                self._drop(item)
            self._lines.clear()
            self._removals.clear()

    def _hold(self, item: Item, holder: Holder) -> None:
        item.spot, item.holder = Spot.HELD, holder
        holder.items[item.message.id] = item

    def _let_go(self, item: Item) -> None:
        item.spot = Spot.OUT
        if item.holder is not None:
            item.holder.items.pop(item.message.id, None)
            item.holder = None

    def _return(self, item: Item) -> None:
        if item.queued:
            self._lines.restore(item)
            self._waits.ready(item.message.queue)

    def _moved(self, item: Item, before: TaskStatus) -> None:
        self._counts[before] -= 1
        self._counts[item.status] += 1
        self._waits.changed(item)

    def _drop(self, item: Item) -> None:
        self._let_go(item)
        del self._items[item.message.id]
        self._counts[item.status] -= 1
        self._waits.removed(item.message.id)

    def _lose_all(self, holder: Holder, now: float) -> None:
        for item in holder.items.values():
            item.holder = None
            item.lose(now)
            self._return(item)
            self._moved(item, TaskStatus.PROCESS)
        holder.items.clear()

    def _end_leases(self, boot: float, now: float) -> None:
        for holder in self._leases.pop_ended(boot):
            self._lose_all(holder, now)

    def _ripen(self, now: float) -> None:
        for item in self._lines.pop_due(now):
            before = item.status
            if before is TaskStatus.DELAYED:
                item.status, item.updated_at = TaskStatus.NEW, now
            if item.since is None:
                item.since = item.due
            self._enqueue(item, None, now)
            self._moved(item, before)

    def _expire(self, now: float) -> None:
        while self._removals and self._removals[0][0] <= now:
            remove_at, _, item = heappop(self._removals)
            if item.remove_at == remove_at and self._items.get(item.message.id) is item:
                self._drop(item)


def _is_later(token: Token, other: Token) -> bool:
    return (token.epoch, token.delivery) > (other.epoch, other.delivery)
