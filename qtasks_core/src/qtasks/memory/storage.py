"""The records of tasks, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from qtasks.errors import UsageError
from qtasks.memory import _cancelling, _listening, _looking
from qtasks.memory._hub import Hub
from qtasks.memory._location import Location, locate
from qtasks.memory._wake import Listener, Sleepers, Waiter
from qtasks.memory.config import AsyncMemoryGlobalConfig
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
from qtasks.protocols import Broker, GlobalConfig, Setup
from qtasks.status import TaskStatus


class AsyncMemoryStorage:
    """Records inside this process.

    Args:
        url: `memory://` for a place of its own, `memory://name` for one that the process shares.
        global_config: The facts beside the records; by default at the same place.
        name: Name of the app, where it must be a particular one.

    Raises:
        ConfigError: It is the URL of another backend.
    """

    def __init__(
        self,
        url: str | Location | None = None,
        *,
        global_config: GlobalConfig | None = None,
        name: str | None = None,
    ) -> None:
        self.location = locate(url)
        self._name = name
        own = AsyncMemoryGlobalConfig(self.location, name=name)
        self._config: GlobalConfig = own if global_config is None else global_config
        self._started: Hub | None = None
        self._sleepers = Sleepers(self.location.url)

    @property
    def name(self) -> str | None:
        """The app's name if it was given explicitly."""
        return self._name

    @property
    def global_config(self) -> GlobalConfig:
        """The shared facts beside the records."""
        return self._config

    async def start(self, setup: Setup) -> None:
        """Find the records of the app."""
        self._started = self.location.hub(setup.name, setup.clock, keeps=True)

    async def stop(self) -> None:
        """End every wait and let go of them; they stay where they are."""
        self._sleepers.stop()
        self._started = None

    @property
    def _hub(self) -> Hub:
        if self._started is None:
            raise UsageError("this storage is not started: start the app, or await storage.start(…), first")
        return self._started

    def joins(self, broker: Broker) -> bool:
        """Whether `broker` is a memory broker at the same place, so that it writes these records."""
        here = isinstance(broker.storage, AsyncMemoryStorage)
        same_app = self.name is None or broker.name is None or self.name == broker.name
        return here and same_app and getattr(broker, "location", None) is self.location

    async def add(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Write the records of tasks that another broker queues.

        Returns:
            For each id that another task keeps away by its unique key: the id of that task.
        """
        return self._hub.publish(messages, queued=False)

    async def begin(self, deliveries: Sequence[Delivery], worker_id: str) -> Sequence[bool]:
        """Make the tokens known: from now on an outcome with a lower one is stale.

        False for a delivery whose attempt has an outcome already, or whose record is gone.
        """
        return self._hub.begin(deliveries, worker_id)

    async def finish(self, outcomes: Sequence[Outcome]) -> Sequence[Settled]:
        """Record the outcomes, each fenced by its token, and wake who waits."""
        return self._hub.settle(outcomes)

    async def give_back(self, returned: Sequence[GiveBack]) -> None:
        """Record that these deliveries are waiting again."""
        self._hub.give_back(returned)

    async def get(self, ids: Sequence[str]) -> Sequence[Record | None]:
        """Return the records in the order of `ids`; None where there is none."""
        return self._hub.get(ids)

    async def wait(self, task_id: str, until: AbstractSet[TaskStatus]) -> Record | None:
        """Return the record as soon as its status is in `until`; None where there is none (any more)."""
        hub, waiter = self._hub, Waiter(until)
        hub.wait(task_id, waiter)
        try:
            while not waiter.is_answered:
                await self._sleepers.sleep(waiter)
                if not waiter.is_answered:
                    hub.wait(task_id, waiter)
        finally:
            hub.leave(task_id, waiter)
        return waiter.answer

    async def cancel(self, wishes: Sequence[Cancel]) -> Sequence[Cancelled]:
        """End what waits, with its place in the queue; note the wish of what is in hand."""
        return _cancelling.cancel(self._hub, wishes)

    async def purge(self, queue: str, reason: str, remove_at: float | None, limit: int) -> Sequence[str]:
        """End up to `limit` waiting tasks of a queue as `cancel` and return their ids."""
        return _cancelling.purge(self._hub, queue, reason, remove_at, limit)

    async def report(self, reports: Sequence[Report]) -> None:
        """Keep what running bodies say of themselves, and wake who listens."""
        _listening.report(self._hub, reports)

    async def listen(self, task_id: str, delivery: int, number: int) -> Items:
        """Return items as soon as there are some beyond the first `number` of `delivery`, or of a later one.

        Answers at once where the task is final or gone. Items stay for a minute after the end.
        """
        hub, listener = self._hub, Listener()
        try:
            while (items := _listening.hear(hub, task_id, delivery, number, listener)) is None:
                await self._sleepers.sleep(listener)
        finally:
            hub.leave(task_id, listener)
        return items

    async def find(self, query: Query) -> Sequence[Record]:
        """Return the records that the query names, the youngest first."""
        return _looking.find(self._hub, query)

    async def delete(self, ids: Sequence[str]) -> int:
        """Remove these records where they are final, and return how many."""
        return _looking.delete(self._hub, ids)

    async def requeue(self, ids: Sequence[str]) -> Sequence[Message | None]:
        """Open a new epoch for final tasks; what the joined broker queues is queued in the same step."""
        return self._hub.requeue(ids)

    async def counts(self) -> Counts:
        """Count the records by status."""
        return self._hub.counts()

    async def dead(self) -> Mapping[str, int]:
        """Count the dead letters by queue."""
        return _looking.dead(self._hub)

    async def trim_dead(self, keep: int) -> int:
        """Remove dead letters, those that ended first, until `keep` are left; return how many went."""
        return _looking.trim_dead(self._hub, keep)

    async def delete_finished(self) -> int:
        """Remove the records of final tasks and return how many. Others stay."""
        return self._hub.delete_finished()

    async def flush(self) -> None:
        """Remove every record of this app, with its place in the queue."""
        self._hub.flush()
