"""Word to workers that what they hold is to be cancelled."""

from __future__ import annotations

from weakref import WeakSet

from qtasks.memory._item import Item
from qtasks.memory._wake import Sleeper
from qtasks.models import Signal


class Box(Sleeper):
    """Where one consumer finds what its worker is told."""

    def __init__(self, worker_id: str) -> None:
        super().__init__()
        self.worker_id = worker_id
        self._signals: list[Signal] = []

    def put(self, signal: Signal) -> None:
        """Lay a signal in, and wake who waits for one."""
        self._signals.append(signal)
        self.wake()

    def take(self) -> list[Signal]:
        """Take out what there is."""
        taken, self._signals = self._signals, []
        return taken


class Mail:
    """The boxes of all consumers. A box goes with its consumer, not with the lease of the worker.

    So a worker that was out of reach for longer than its lease is told all the same.
    """

    def __init__(self) -> None:
        self._boxes: WeakSet[Box] = WeakSet()

    def open(self, box: Box) -> None:
        """Deliver to this box from now on."""
        self._boxes.add(box)

    def close(self, box: Box) -> None:
        """Deliver to it no more."""
        self._boxes.discard(box)

    def post(self, worker_id: str | None, item: Item, reason: str) -> None:
        """Tell a worker that this task, which it holds or held last, is to be cancelled."""
        for box in self._boxes:
            if box.worker_id == worker_id:
                box.put(Signal(item.message.id, item.token, reason))
