"""One worker's hold on the queues in memory, and the renewer of its leases."""

from __future__ import annotations

from collections.abc import Sequence

from qtasks.config import QueueConfig
from qtasks.memory._hub import Hub
from qtasks.memory._mail import Box
from qtasks.memory._signalling import close_box, collect, open_box
from qtasks.memory._wake import Sleeper
from qtasks.models import Delivery, Signal, Token, WorkerInfo


class MemoryConsumer:
    """Fetches for one worker; made by `AsyncMemoryBroker.open_consumer`."""

    def __init__(self, hub: Hub, worker: WorkerInfo, queues: Sequence[str], config: QueueConfig) -> None:
        self._hub = hub
        self._worker = worker
        self._tiers: tuple[tuple[str, ...], ...] = (tuple(queues),)
        self._config = config
        self._sleeper = Sleeper()
        self._box = Box(worker.id)
        self._is_closed = False
        open_box(hub, self._box)

    async def fetch(self, limit: int) -> Sequence[Delivery]:
        """Return up to `limit` deliveries as soon as one is ready; empty only after `close`."""
        while not self._is_closed:
            lease = self._config.lease
            taken = self._hub.claim(self._worker, self._tiers, limit, lease, self._sleeper)
            if taken:
                return taken
            try:
                await self._sleeper.sleep()
            finally:
                self._hub.awake(self._sleeper)
        return []

    def choose(self, tiers: Sequence[Sequence[str]]) -> None:
        """Take from these queues from now on, all of an earlier tier before any of a later one."""
        self._tiers = tuple(tuple(queues) for queues in tiers)
        self._sleeper.wake()

    async def signals(self) -> Sequence[Signal]:
        """Return as soon as cancellation was asked for something in hand; empty only after `close`."""
        while not self._is_closed:
            if told := collect(self._hub, self._box):
                return told
            await self._box.sleep()
        return []

    @property
    def is_closed(self) -> bool:
        """Whether it fetches no more."""
        return self._is_closed

    async def close(self) -> None:
        """End a waiting `fetch`. What was handed over stays leased; nothing else was taken."""
        self._is_closed = True
        close_box(self._hub, self._box)
        self._sleeper.wake()
        self._box.wake()


class MemoryKeeper:
    """Renews the leases of one worker from any thread; made by `AsyncMemoryBroker.keeper`."""

    def __init__(self, hub: Hub, worker: WorkerInfo, config: QueueConfig) -> None:
        self._hub = hub
        self._worker = worker
        self._config = config

    def renew(self, held: Sequence[tuple[str, Token]]) -> Sequence[tuple[str, Token]]:
        """Renew the lease on all that is held; return those that belong to somebody else now."""
        return self._hub.renew(self._worker, held, self._config.lease)

    def close(self) -> None:
        """Do nothing: there is no connection."""
