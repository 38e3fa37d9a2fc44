"""What the body of a task has said of itself while it ran."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from qtasks.models import Report

ITEMS_STAY: Final = 60.0
"""Seconds for which the items stay after the end of their task."""


@dataclass(slots=True, eq=False)
class Said:
    """The progress and the note of a task, and the items of its last delivery that had some."""

    progress: float | None = None
    note: str | None = None
    delivery: int = 0
    """The delivery that the items are of."""
    end: int = 0
    """One more than the greatest number of an item."""
    until: float | None = None
    """When the items go; None while the task has not ended."""
    _items: dict[int, bytes] = field(default_factory=dict)

    @property
    def has_items(self) -> bool:
        """Whether there is something to listen to."""
        return bool(self._items)

    def hear(self, report: Report) -> None:
        """Take a report in. Items that are there already are not kept twice."""
        if report.progress is not None:
            self.progress = report.progress
        if report.note is not None:
            self.note = report.note
        if report.items:
            self._keep(report)

    def _keep(self, report: Report) -> None:
        if report.token.delivery != self.delivery:
            self._items.clear()
            self.delivery, self.end = report.token.delivery, 0
        for number, item in enumerate(report.items, report.first):
            self._items.setdefault(number, item)
        self.end = max(self.end, report.first + len(report.items))

    def beyond(self, delivery: int, number: int) -> tuple[int, tuple[bytes, ...]]:
        """Return what a listener has not seen that knows `number` items of `delivery`, with its number."""
        first = number if delivery >= self.delivery else 0
        if delivery > self.delivery or first >= self.end:
            return first, ()
        if first not in self._items:
            first = min((each for each in self._items if each > first), default=self.end)
        found: list[bytes] = []
        while (item := self._items.get(first + len(found))) is not None:
            found.append(item)
        return first, tuple(found)

    def forget_items(self) -> None:
        """Keep the items no more."""
        self._items.clear()
