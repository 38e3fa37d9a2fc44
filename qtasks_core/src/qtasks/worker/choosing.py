"""Which queues a worker takes from: those that are not paused, in their order or by weight."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from qtasks.errors import BackendError
from qtasks.protocols import Consumer
from qtasks.queues import PAUSES, Weights
from qtasks.runtime import Runtime
from qtasks.worker.backoff import Backoff

REST: Final = 0.01
"""Seconds between two questions, should a backend answer at once although nothing has changed."""


class Chooser:
    """Tells a consumer where to fetch from, and knows what is paused.

    With weights, each fetch begins with another queue, in proportion to them; what that one has not, the
    others give. Without, all queues are one: the highest priority first, then the queue that is named first.

    Args:
        runtime: The app.
        consumer: Whose queues are chosen.
        queues: The queues of the worker, with their weights.
    """

    def __init__(self, runtime: Runtime, consumer: Consumer, queues: Weights) -> None:
        self._config = runtime.dispatch.storage.global_config
        self._log = runtime.log
        self._consumer = consumer
        self._queues = queues
        self._credit = dict.fromkeys(queues.names, 0.0)
        self._known: Mapping[str, Any] = {}
        self._open: Sequence[str] = queues.names
        self._is_closed = False

    async def learn(self) -> None:
        """Ask once what is paused; before the first fetch."""
        self._known = await self._config.get_all(PAUSES)
        self._apply()

    async def run(self) -> None:
        """Follow what is paused and resumed, for ever. The backend's failures are waited out."""
        backoff = Backoff()
        while True:
            try:
                known = await self._config.watch(PAUSES, self._known)
            except BackendError as exc:
                self._log.warning("cannot hear of paused queues: %s", exc)
                await backoff.sleep()
                continue
            backoff.reset()
            if known == self._known:
                await asyncio.sleep(REST)
                continue
            self._known = known
            self._apply()
            paused = sorted(set(known).intersection(self._queues.names))
            self._log.info("paused queues: %s", ", ".join(paused) or "none")

    def next(self) -> None:
        """Begin the next fetch with another queue; without weights there is nothing to do."""
        if self._queues.is_weighted and len(self._open) > 1:
            self._consumer.choose([(name,) for name in self._by_turn()])

    def close(self) -> None:
        """Take from no queue any more, whatever is resumed."""
        self._is_closed = True
        self._consumer.choose([])

    def _apply(self) -> None:
        if self._is_closed:
            return
        paused = frozenset(self._known)
        if paused.isdisjoint(self._queues.names) and tuple(self._open) == self._queues.names:
            return
        self._open = tuple(name for name in self._queues.names if name not in paused)
        self._consumer.choose([self._open] if self._open else [])

    def _by_turn(self) -> list[str]:
        """Return the open queues, the one first whose turn it is (smooth weighted round robin)."""
        weights, credit = self._queues.weights, self._credit
        for name in self._open:
            credit[name] += weights[name]
        order = sorted(self._open, key=lambda name: -credit[name])
        credit[order[0]] -= sum(weights[name] for name in self._open)
        return order
