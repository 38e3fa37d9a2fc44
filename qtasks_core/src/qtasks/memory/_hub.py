"""The steps that every task takes: in, out, and to its end."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from qtasks.memory._board import Board
from qtasks.memory._item import Item, Spot
from qtasks.memory._leases import Holder
from qtasks.memory._wake import Sleeper, Waiter
from qtasks.models import (
    Counts,
    Delivery,
    GiveBack,
    Message,
    Outcome,
    Record,
    Settled,
    Token,
    UniqueKey,
    WorkerInfo,
)
from qtasks.status import TaskStatus


class Hub(Board):
    """What a broker and its storage share; a broker under a foreign storage has one of its own.

    The rarer steps are in `_cancelling`, `_looking`, `_listening` and `_signalling`.
    """

    def publish(self, messages: Sequence[Message], *, queued: bool) -> dict[str, str]:
        """Add what is not known yet, and return what keeps the others away by its unique key."""
        kept_away: dict[str, str] = {}
        with self._step() as now:
            for message in messages:
                known = self._items.get(message.id)
                if known is not None:
                    if not self.keeps and _is_later(message.token, known.token):
                        self._replace(known, message, now)
                elif message.unique is None or (first := self._first(message.unique)) is None:
                    self._add(message, now, queued=queued)
                else:
                    kept_away[message.id] = first
        return kept_away

    def _first(self, unique: UniqueKey) -> str | None:
        return self._keys.first(unique) if self.keeps else None  # else the storage has been asked

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
        if message.unique is not None:
            self._keys.add(item, message.unique)
        self._enqueue(item, message.due, now)

    def enlist(self, worker: WorkerInfo, lease: float, *, take_over: bool) -> None:
        """Make the worker a holder of leases."""
        with self._step() as now:
            self.leases.renew(worker, self.clock.boot() + lease)
            if take_over:
                for holder in self.leases.pop_gone():
                    self._lose_all(holder, now)

    def claim(
        self, worker: WorkerInfo, tiers: Sequence[Sequence[str]], limit: int, lease: float, sleeper: Sleeper
    ) -> list[Delivery]:
        """Lease up to `limit` tasks to the worker; where there is none, have the sleeper woken by news."""
        with self._step() as now:
            items = self.lines.take_by_tier(tiers, limit)
            if not items:
                self.waits.watch(sleeper, [queue for queues in tiers for queue in queues])
                sleeper.longest = self._next_moment(now)
                return []
            holder = self.leases.renew(worker, self.clock.boot() + lease)
            return [self._hand_over(item, holder, now) for item in items]

    def _hand_over(self, item: Item, holder: Holder, now: float) -> Delivery:
        before = item.status
        delivery = item.deliver(holder.info.id, now)
        self._hold(item, holder)
        self._moved(item, before)
        return delivery

    def _next_moment(self, now: float) -> float | None:
        due, end = self.lines.next_due(), self.leases.next_end()
        until_due = None if due is None else due - now
        until_end = None if end is None else end - self.clock.boot()
        return min((seconds for seconds in (until_due, until_end) if seconds is not None), default=None)

    def awake(self, sleeper: Sleeper) -> None:
        """Wake it no more."""
        with self._lock:
            self.waits.unwatch(sleeper)

    def renew(
        self, worker: WorkerInfo, held: Sequence[tuple[str, Token]], lease: float
    ) -> list[tuple[str, Token]]:
        """Prolong the worker's lease and return what of `held` has gone to somebody else.

        What its lease lost and nobody has fetched since is its own again.
        """
        with self._step():
            holder = self.leases.renew(worker, self.clock.boot() + lease)
            return [(task_id, token) for task_id, token in held if not self._keep(task_id, token, holder)]

    def _keep(self, task_id: str, token: Token, holder: Holder) -> bool:
        item = self._items.get(task_id)
        if item is None:
            return True  # ended or removed: nobody else has it
        if item.lost_by == holder.info.id and item.token == token:
            before = item.status
            self.lines.remove(item)
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
            self._enqueue(item, outcome.due, now)
        elif self.keeps:
            self._keep_for_a_while(item, now)
        else:
            self._drop(item)
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
            self.waits.wait(task_id, waiter)
            waiter.longest = self._next_change(item, now) if waiter.is_eager or item.is_final else None

    def _next_change(self, item: Item, now: float) -> float | None:
        if item.holder is not None:
            return item.holder.until - self.clock.boot()
        moment = item.due if item.spot is Spot.DUE else item.remove_at
        return None if moment is None else moment - now

    def leave(self, task_id: str, waiter: Waiter) -> None:
        """Tell the waiter nothing more."""
        with self._lock:
            self.waits.leave(task_id, waiter)

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
            self.lines.clear()
            self._removals.clear()


def _is_later(token: Token, other: Token) -> bool:
    return (token.epoch, token.delivery) > (other.epoch, other.delivery)
