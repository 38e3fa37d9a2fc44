"""The record of each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Protocol

from qtasks.models import (
    Cancel,
    Cancelled,
    Counts,
    Delivery,
    GiveBack,
    Items,
    Message,
    Outcome,
    Query,
    Record,
    Report,
    Settled,
)
from qtasks.protocols._component import Component
from qtasks.protocols._global_config import GlobalConfig
from qtasks.status import TaskStatus

if TYPE_CHECKING:
    from qtasks.protocols._broker import Broker


class Storage(Component, Protocol):
    """The record of each task, and who waits for it."""

    @property
    def global_config(self) -> GlobalConfig:
        """The shared facts beside the records."""
        ...

    def joins(self, broker: Broker) -> bool:
        """Whether `broker` writes these very records, in one step with its queue.

        True when both are of one backend, one URL and one app. Then `publish` and `settle` of the
        broker are enough. Otherwise the core writes the record first: `add`, `begin` and `finish`.
        """
        ...

    async def add(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Write the records `new` or `delayed`. A message whose id is known changes nothing.

        Returns:
            For each id that another task keeps away by its unique key: the id of that task.
        """
        ...

    async def begin(self, deliveries: Sequence[Delivery], worker_id: str) -> Sequence[bool]:
        """Make the tokens known: from now on an outcome with a lower one is stale.

        False for a delivery whose attempt has an outcome already, or whose record is gone (a crash came
        between the record and the acknowledgement, and the core only acknowledges it), and for one that
        is older than the delivery that is known.
        """
        ...

    async def finish(self, outcomes: Sequence[Outcome]) -> Sequence[Settled]:
        """Record the outcomes, each fenced by its token, and wake who waits.

        A repeated outcome with the token that has recorded it answers `recorded` again.
        """
        ...

    async def give_back(self, returned: Sequence[GiveBack]) -> None:
        """Record that these deliveries are waiting again.

        The history has a line for each, except that one whose reason `folds` takes the place of a last
        line with the same reason.
        """
        ...

    async def get(self, ids: Sequence[str]) -> Sequence[Record | None]:
        """Return the records in the order of `ids`; None where there is none."""
        ...

    async def wait(self, task_id: str, until: AbstractSet[TaskStatus]) -> Record | None:
        """Return the record as soon as its status is in `until`, pushed rather than polled.

        Answers at once when it is there already. None: there is no such record, or no more.
        """
        ...

    async def cancel(self, wishes: Sequence[Cancel]) -> Sequence[Cancelled]:
        """End what waits, in one step that no worker can come between; note the wish of what is in hand.

        A storage that joins its broker has taken the entries off the queue in the same step, and told the
        holders by `Consumer.signals`.
        """
        ...

    async def purge(self, queue: str, reason: str, remove_at: float | None, limit: int) -> Sequence[str]:
        """End up to `limit` waiting tasks of a queue as `cancel` and return their ids.

        What is in the hands of a worker stays. A storage that joins its broker takes the entries off too.
        """
        ...

    async def report(self, reports: Sequence[Report]) -> None:
        """Keep what running bodies say of themselves, and wake who listens.

        One whose token is not that of the delivery in hand is ignored; items that are there already are
        not kept twice. Items of an earlier delivery go when the first of a later one comes.
        """
        ...

    async def listen(self, task_id: str, delivery: int, number: int) -> Items:
        """Return items as soon as there are some beyond `number` of `delivery`, or of a later delivery.

        Answers at once where the task is final or gone, with what is left of them. Items may be removed
        a minute after the end of the task.
        """
        ...

    async def find(self, query: Query) -> Sequence[Record]:
        """Return the records that the query names, in its order."""
        ...

    async def delete(self, ids: Sequence[str]) -> int:
        """Remove these records where they are final, and return how many."""
        ...

    async def requeue(self, ids: Sequence[str]) -> Sequence[Message | None]:
        """Open a new epoch for final tasks, counters at zero, history kept.

        Returns for each a message to publish, whose `token` a broker counts on from,
        or None where the task is not final or not there. A storage that joins its broker has put
        it into the queue in the same step.
        """
        ...

    async def counts(self) -> Counts:
        """Count the records by status."""
        ...

    async def dead(self) -> Mapping[str, int]:
        """Count the records that are `dead` by queue; a queue without any is left out."""
        ...

    async def trim_dead(self, keep: int) -> int:
        """Remove records that are `dead` until `keep` are left, and return how many went.

        Those that ended first go first. Where there are no more than that it reads, and writes nothing.
        """
        ...

    async def delete_finished(self) -> int:
        """Remove the records of final tasks and return how many. Others stay."""
        ...

    async def flush(self) -> None:
        """Remove everything of this app, and nothing of another."""
        ...
