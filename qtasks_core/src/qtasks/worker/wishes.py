"""Word of what is to be cancelled, from the backend to the bodies that run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from logging import Logger

from qtasks.errors import BackendError, BackendMismatch
from qtasks.models import Signal
from qtasks.protocols import Consumer
from qtasks.worker.backoff import Backoff


async def hear(consumer: Consumer, tell: Callable[[Sequence[Signal]], None], log: Logger) -> None:
    """Tell of each signal until the consumer is closed. The backend's failures are waited out."""
    backoff = Backoff()
    while True:
        try:
            signals = await consumer.signals()
        except BackendMismatch:
            raise
        except BackendError as exc:
            log.warning("cannot hear of cancellations: %s", exc)
            await backoff.sleep()
            continue
        if not signals:
            return
        backoff.reset()
        tell(signals)
