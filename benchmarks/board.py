"""A board in shared memory where each task writes down when and where it ran: 0.2 µs, and no traffic."""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Callable
from pathlib import Path

VARIABLE = "QTASKS_BENCH_BOARD"
"""The variable that tells workers where the board is."""

_SLOT = 8
_WHO = 0xFF
"""The lowest bits of a moment say which process it was."""


class Board:
    """One slot a task, in a file that processes map into their memory.

    The moments are those of the monotonic clock, which all processes of a machine share.
    """

    def __init__(self, path: Path, slots: int | None = None) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if slots is not None:
                os.ftruncate(descriptor, 0)
                os.ftruncate(descriptor, slots * _SLOT)
            self._map = mmap.mmap(descriptor, os.fstat(descriptor).st_size)
        finally:
            os.close(descriptor)
        self.view = memoryview(self._map).cast("Q")

    @property
    def done(self) -> int:
        """How many bodies have run."""
        return len(self.view) - self.view.tolist().count(0)

    def moments(self) -> list[int]:
        """Return when they ran, in nanoseconds, in the order of time."""
        return sorted(moment for moment in self.view.tolist() if moment)

    def moments_together(self) -> list[int]:
        """Return those of the time in which all processes that ran any were at work."""
        by_process: dict[int, list[int]] = {}
        for moment in self.moments():
            by_process.setdefault(moment & _WHO, []).append(moment)
        first = max(moments[0] for moments in by_process.values())
        last = min(moments[-1] for moments in by_process.values())
        return [moment for moment in self.moments() if first <= moment <= last]


def marker() -> Callable[[int], None]:
    """Return the function that a body calls with the number of its task."""
    path, clock = os.environ.get(VARIABLE), time.monotonic_ns
    if path is None:
        return lambda _number: None
    view, who = Board(Path(path)).view, os.getpid() & _WHO

    def mark(number: int) -> None:
        view[number] = clock() & ~_WHO | who

    return mark
