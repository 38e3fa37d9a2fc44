"""One step or two: how the core writes records and queue entries.

Where storage and broker are joined, the broker does both in one step. Otherwise the core composes:
the record first, then the queue or the acknowledgement, so that whatever is queued has a record and
whatever is acknowledged is recorded.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from msgspec import structs

from qtasks.models import (
    Cancel,
    Cancelled,
    Delivery,
    GiveBack,
    GiveBackReason,
    Message,
    Outcome,
    Record,
    Settled,
)
from qtasks.protocols import Broker, Storage
from qtasks.status import WAITING, TaskStatus

_UNDER_WAY: Final = frozenset({TaskStatus.NEW, TaskStatus.DELAYED, TaskStatus.PROCESS})


class Dispatch:
    """The writes of the core, over one broker and its storage."""

    def __init__(self, broker: Broker, storage: Storage) -> None:
        self.broker = broker
        self.storage = storage
        self.joined = storage.joins(broker)

    async def publish(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Accept the tasks: record and queue entry. Safe to repeat.

        Returns:
            For each id that another task keeps away by its unique key: the id of that task.
        """
        if self.joined:
            return await self.broker.publish(messages)
        kept_away = await self.storage.add(messages)
        if kept_away:
            messages = [message for message in messages if message.id not in kept_away]
            messages += await self._unqueued(set(kept_away.values()))
        await self.broker.publish(messages)
        return kept_away

    async def _unqueued(self, ids: Collection[str]) -> list[Message]:
        """Return those that wait and were never delivered.

        A crash may have come between the record of a unique task and its entry; nobody could send it again.
        What is queued already stays as it is: its id is known.
        """
        records = await self.storage.get(list(ids))
        return [
            _message_of(r) for r in records if r is not None and r.status in WAITING and not r.token.delivery
        ]

    async def cancel(self, wishes: Sequence[Cancel]) -> Sequence[Cancelled]:
        """End what waits, and tell the workers that hold the others."""
        answers = await self.storage.cancel(wishes)
        if not self.joined:
            for wish, answer in zip(wishes, answers, strict=True):
                if answer is Cancelled.ENDED or answer is Cancelled.ASKED:
                    await self.broker.discard((wish.id,), wish.reason)
        return answers

    async def purge(self, queue: str, reason: str, remove_at: float | None, limit: int) -> int:
        """End up to `limit` waiting tasks of a queue as `cancel` and return how many."""
        ids = await self.storage.purge(queue, reason, remove_at, limit)
        if ids and not self.joined:
            await self.broker.discard(ids, reason)
        return len(ids)

    async def begin(self, deliveries: Sequence[Delivery], worker_id: str) -> Sequence[Delivery]:
        """Make the tokens of a fetched batch known where outcomes are decided; return those to run.

        What has its outcome already is only acknowledged, as its record says.
        """
        if self.joined:
            return deliveries
        answers = await self.storage.begin(deliveries, worker_id)
        if refused := [d for d, go_on in zip(deliveries, answers, strict=True) if not go_on]:
            await self._let_go(refused)
        return await self._with_wishes([d for d, go_on in zip(deliveries, answers, strict=True) if go_on])

    async def _with_wishes(self, deliveries: list[Delivery]) -> list[Delivery]:
        """Return the deliveries with the wishes that their records have and the broker has not heard of.

        Only a task that was in hand before has one; a crash may have come between record and broker.
        """
        again = [d.id for d in deliveries if d.token.delivery > 1 and d.cancel is None]
        if not again:
            return deliveries
        wishes = {
            r.id: r.cancel for r in await self.storage.get(again) if r is not None and r.cancel is not None
        }
        return [structs.replace(d, cancel=wishes[d.id]) if d.id in wishes else d for d in deliveries]

    async def _let_go(self, refused: Sequence[Delivery]) -> None:
        """Acknowledge what has ended; what is older than its record comes again, with a younger token."""
        ended = await self._ended_otherwise(refused)
        if ended:
            await self.broker.settle(ended)
        settled = {outcome.id for outcome in ended}
        older = [GiveBack(d.id, d.token, GiveBackReason.STOPPED) for d in refused if d.id not in settled]
        if older:
            await self.broker.give_back(older)

    async def settle(self, outcomes: Sequence[Outcome]) -> Sequence[Settled]:
        """Record the outcomes and take them off the queue."""
        if self.joined:
            return await self.broker.settle(outcomes)
        answers = await self.storage.finish(outcomes)
        recorded = [o for o, a in zip(outcomes, answers, strict=True) if a is Settled.RECORDED]
        refused = [o for o, a in zip(outcomes, answers, strict=True) if a is Settled.STALE]
        if ended := recorded + await self._ended_otherwise(refused):
            await self.broker.settle(ended)
        return answers

    async def _ended_otherwise(self, refused: Sequence[Delivery | Outcome]) -> list[Outcome]:
        """Return how those have ended whose record takes nothing more: the queue must let go of them too."""
        if not refused:
            return []
        records = await self.storage.get([one.id for one in refused])
        outcomes = [_as_recorded(o, r) for o, r in zip(refused, records, strict=True)]
        return [outcome for outcome in outcomes if outcome.status not in _UNDER_WAY]

    async def give_back(self, returned: Sequence[GiveBack]) -> None:
        """Put deliveries back into the queue without an outcome."""
        if not self.joined:
            await self.storage.give_back(returned)
        await self.broker.give_back(returned)

    async def requeue(self, ids: Sequence[str]) -> Sequence[bool]:
        """Open a new epoch for final tasks; True where there was one."""
        messages = await self.storage.requeue(ids)
        fresh = [message for message in messages if message is not None]
        if fresh and not self.joined:
            await self.broker.publish(fresh)
        return [message is not None for message in messages]


def _message_of(record: Record) -> Message:
    """Return the message of a record that has not been delivered yet."""
    return Message(
        record.id,
        record.task,
        record.queue,
        record.priority,
        record.body,
        record.created_at,
        record.due,
        record.expires_at,
        record.token,
    )


def _as_recorded(delivery: Delivery | Outcome, record: Record | None) -> Outcome:
    """Say to the broker what the storage has recorded of an earlier delivery of this attempt."""
    if record is None:
        return Outcome(delivery.id, delivery.token, TaskStatus.DEAD, 0.0, reason="its record is gone")
    return Outcome(delivery.id, delivery.token, record.status, record.updated_at, due=record.due)
