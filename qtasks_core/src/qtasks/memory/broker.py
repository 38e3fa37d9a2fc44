"""Queues with priorities, delays and leases, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from qtasks.backends import Limits
from qtasks.errors import UsageError
from qtasks.memory import _cancelling, _looking
from qtasks.memory._hub import Hub
from qtasks.memory._location import Location, locate
from qtasks.memory.consumer import MemoryConsumer, MemoryKeeper
from qtasks.memory.storage import AsyncMemoryStorage
from qtasks.models import GiveBack, Message, Outcome, QueueInfo, Settled, WorkerInfo
from qtasks.protocols import Setup, Storage

LIMITS: Final = Limits(durable=False, shared=False, wake_up="inside the process, at once")


class AsyncMemoryBroker:
    """Queues inside this process: gone when it ends, seen by no other.

    Args:
        url: `memory://` for a place of its own, `memory://name` for one that the process shares.
        storage: Where the records are; by default at the same place. A memory storage that has a
            place of its own takes a broker without a named place in.
        name: Name of the app, where it must be a particular one.

    Raises:
        ConfigError: It is the URL of another backend.
    """

    def __init__(
        self,
        url: str | Location | None = None,
        *,
        storage: Storage | None = None,
        name: str | None = None,
    ) -> None:
        self.location = locate(url)
        if self.location.is_private and isinstance(storage, AsyncMemoryStorage):
            self.location = storage.location
        self._name = name
        own = AsyncMemoryStorage(self.location, name=name)
        self._storage: Storage = own if storage is None else storage
        self._started: tuple[Hub, Setup] | None = None
        self._consumers: list[MemoryConsumer] = []

    @property
    def name(self) -> str | None:
        """The app's name if it was given explicitly."""
        return self._name

    @property
    def storage(self) -> Storage:
        """Where the records are."""
        return self._storage

    @property
    def limits(self) -> Limits:
        """The numbers of this backend."""
        return LIMITS

    async def start(self, setup: Setup) -> None:
        """Find the queues of the app: with its records where the storage joins, else without."""
        hub = self.location.hub(setup.name, setup.clock, keeps=self._storage.joins(self))
        self._started = hub, setup

    async def stop(self) -> None:
        """Close the consumers and let go of the queues, which stay where they are."""
        for consumer in self._consumers:
            await consumer.close()
        self._consumers.clear()
        self._started = None

    @property
    def _running(self) -> tuple[Hub, Setup]:
        if self._started is None:
            raise UsageError("this broker is not started: start the app, or await broker.start(…), first")
        return self._started

    async def publish(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Put messages into their queues, all or none; one whose id is known changes nothing.

        Returns:
            For each id that another task keeps away by its unique key: the id of that task.
        """
        hub, _ = self._running
        return hub.publish(messages, queued=True)

    async def open_consumer(
        self, worker: WorkerInfo, queues: Sequence[str], *, take_over: bool = False
    ) -> MemoryConsumer:
        """Register the worker as a holder of leases and return its consumer."""
        hub, setup = self._running
        hub.enlist(worker, setup.config.lease, take_over=take_over)
        consumer = MemoryConsumer(hub, worker, queues, setup.config)
        self._consumers = [*(other for other in self._consumers if not other.is_closed), consumer]
        return consumer

    def keeper(self, worker: WorkerInfo) -> MemoryKeeper:
        """Return the renewer of this worker's leases."""
        hub, setup = self._running
        return MemoryKeeper(hub, worker, setup.config)

    async def settle(self, outcomes: Sequence[Outcome]) -> Sequence[Settled]:
        """Take the deliveries out of the queue, or put them back where the outcome is `retry`."""
        hub, _ = self._running
        return hub.settle(outcomes)

    async def give_back(self, returned: Sequence[GiveBack]) -> None:
        """Return deliveries to their queue without an outcome; stale ones are ignored."""
        hub, _ = self._running
        hub.give_back(returned)

    async def discard(self, ids: Sequence[str], reason: str) -> None:
        """Drop the entries of tasks that were cancelled; tell the holders of those that are in hand."""
        hub, _ = self._running
        _cancelling.discard(hub, ids, reason)

    async def queues(self) -> Sequence[QueueInfo]:
        """Return the queues that hold something, by name."""
        hub, _ = self._running
        return _looking.queues(hub)

    async def peek(self, queue: str, limit: int) -> Sequence[str]:
        """Return the ids of the next ready tasks of a queue in the order in which they would be fetched."""
        hub, _ = self._running
        return _looking.peek(hub, queue, limit)

    async def flush(self) -> None:
        """Remove every task of this app from the queues, with the records where the storage joins."""
        hub, _ = self._running
        hub.flush()
