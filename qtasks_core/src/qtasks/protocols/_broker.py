"""Queues, and a worker's hold on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from qtasks.models import (
    Delivery,
    GiveBack,
    Message,
    Outcome,
    QueueInfo,
    Settled,
    Signal,
    Token,
    WorkerInfo,
)
from qtasks.protocols._component import Component
from qtasks.protocols._storage import Storage

if TYPE_CHECKING:
    from qtasks.backends import Limits


class Consumer(Protocol):
    """One worker's hold on the queues: what it fetches is leased to it until settled."""

    async def fetch(self, limit: int) -> Sequence[Delivery]:
        """Return up to `limit` deliveries as soon as one is ready; empty only after `close`.

        By priority, then by the moment of becoming ready. Also finds what lost workers left and
        what has become due. It is never cancelled: `close` ends it.
        """
        ...

    def choose(self, tiers: Sequence[Sequence[str]]) -> None:
        """Take from these queues from now on, also in a fetch that waits. Without any, from none.

        What is ready in an earlier tier comes before all of a later one, whatever the priorities. Within
        a tier priority counts, and where it is equal the queue that is named first.
        """
        ...

    async def signals(self) -> Sequence[Signal]:
        """Return as soon as cancellation was asked for something in hand; empty only after `close`.

        Each wish is told at least once to the worker that holds the task, also while it is busy.
        """
        ...

    async def close(self) -> None:
        """End a waiting `fetch`, fetch no more, and give back what was not handed over yet.

        Deliveries that were handed over stay leased until they are settled or given back.
        """
        ...


class Keeper(Protocol):
    """Renews the leases of one worker, in blocking calls from a thread of its own.

    It has its own connection, so a body that blocks the loop for a minute stays leased.
    """

    def renew(self, held: Sequence[tuple[str, Token]]) -> Sequence[tuple[str, Token]]:
        """Renew the lease on all that is held; return those that belong to somebody else now.

        Raises:
            BackendUnavailable: Nothing could be renewed; try again soon.
        """
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class Broker(Component, Protocol):
    """Queues with priorities, delays and leases."""

    @property
    def storage(self) -> Storage:
        """Where the records are."""
        ...

    @property
    def limits(self) -> Limits:
        """The numbers in which backends differ."""
        ...

    async def publish(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Put messages into their queues, all or none; one whose id is known changes nothing.

        The first delivery of each has the next token after `message.token`.

        When it returns, they survive what `limits` promises. With a storage that joins, the
        records are written in the same step, and unique keys are looked at there: a message is not
        accepted while another task with its key is in one of the key's states. Otherwise the
        core has asked the storage, and the broker does not look at keys.

        Returns:
            For each id that another task keeps away by its unique key: the id of that task. Two messages
            of one call that have one key are the first and the second.

        Raises:
            BackendUnavailable: Nothing is promised; the same call is safe to repeat.
            BackendRefused: Nothing was accepted.
        """
        ...

    async def open_consumer(
        self, worker: WorkerInfo, queues: Sequence[str], *, take_over: bool = False
    ) -> Consumer:
        """Register the worker as a holder of leases and return its consumer.

        Args:
            worker: Who it is.
            queues: Which queues, the first one first where priorities are equal.
            take_over: Take over at once what workers left that are provably gone.
        """
        ...

    def keeper(self, worker: WorkerInfo) -> Keeper:
        """Return the renewer of this worker's leases. Called from the thread that will use it."""
        ...

    async def settle(self, outcomes: Sequence[Outcome]) -> Sequence[Settled]:
        """Take the deliveries out of the queue, or put them back where the outcome is `retry`.

        With a storage that joins, the outcomes are recorded in the same step and who waits is
        woken; `stale` says that the fence refused one. Otherwise the core has recorded them.
        """
        ...

    async def give_back(self, returned: Sequence[GiveBack]) -> None:
        """Return deliveries to their queue without an outcome; stale ones are ignored."""
        ...

    async def discard(self, ids: Sequence[str], reason: str) -> None:
        """Drop the entries of tasks that were cancelled; tell the holders of those that are in hand.

        The core calls it after `Storage.cancel` where the storage does not join. Where a server cannot
        drop an entry it stays, and its delivery is refused by `Storage.begin`.
        """
        ...

    async def queues(self) -> Sequence[QueueInfo]:
        """Return the queues that hold something, by name."""
        ...

    async def peek(self, queue: str, limit: int) -> Sequence[str]:
        """Return the ids of the next ready tasks of a queue in the order in which they would be fetched.

        Empty where `limits.peeks` is false.
        """
        ...

    async def flush(self) -> None:
        """Remove everything of this app, and nothing of another."""
        ...
