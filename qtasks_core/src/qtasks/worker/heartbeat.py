"""Leases, renewed from a thread of their own: a body that blocks the loop stays leased."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from logging import Logger

from qtasks.errors import BackendError
from qtasks.models import Token, WorkerInfo
from qtasks.protocols import Broker, Keeper
from qtasks.worker.held import Held

RENEWALS_PER_LEASE = 3
RETRIES_PER_LEASE = 10


class Heartbeat:
    """The thread of one worker that renews what it holds.

    Args:
        broker: Whose `keeper()` is asked.
        worker: Who holds the leases.
        held: What is held.
        lease: Length of a lease in seconds.
        on_lost: Called in the thread with what belongs to somebody else now.
        log: Where failures are told.
    """

    def __init__(
        self,
        broker: Broker,
        worker: WorkerInfo,
        held: Held,
        lease: float,
        on_lost: Callable[[Sequence[tuple[str, Token]]], None],
        log: Logger,
    ) -> None:
        self._broker = broker
        self._worker = worker
        self._held = held
        self._lease = lease
        self._on_lost = on_lost
        self._log = log
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="qtasks-heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to renew."""
        self._thread.start()

    def end(self) -> None:
        """Let the thread end, without waiting for it."""
        self._stopping.set()

    def stop(self) -> None:
        """End the thread and close its connection; waits for a renewal under way, at most one lease."""
        self.end()
        self._thread.join(self._lease)

    def _run(self) -> None:
        keeper: Keeper | None = None
        pause = self._lease / RENEWALS_PER_LEASE
        while not self._stopping.wait(pause):
            try:
                keeper = keeper or self._broker.keeper(self._worker)
                lost = keeper.renew(self._held.tokens())
                pause = self._lease / RENEWALS_PER_LEASE
            except Exception as exc:  # noqa: BLE001 - a worker without a heartbeat would lose all it holds
                unforeseen = None if isinstance(exc, BackendError) else exc
                self._log.warning("leases could not be renewed: %s", exc, exc_info=unforeseen)
                pause = self._lease / RETRIES_PER_LEASE
                continue
            if lost:
                self._on_lost(lost)
        if keeper is not None:
            keeper.close()
