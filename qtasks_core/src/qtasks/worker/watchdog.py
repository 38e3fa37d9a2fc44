"""Says what holds the loop up: a body that blocks it stops everything else in the process."""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from logging import Logger


class Watchdog:
    """A thread that looks whether the loop still turns, and logs its stack where it does not.

    Leases go on meanwhile: they are renewed from another thread.

    Args:
        seconds: How long the loop may be blocked before it is told; once for each time.
        running: Gives the tasks that run now, for people.
        log: Where it is told.
    """

    def __init__(self, seconds: float, running: Callable[[], Sequence[str]], log: Logger) -> None:
        self._seconds = seconds
        self._running = running
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._turned = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="qtasks-watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no more; does not wait."""
        self._stopping.set()
        self._turned.set()

    def _watch(self) -> None:
        while not self._stopping.wait(self._seconds):
            self._turned.clear()
            try:
                self._loop.call_soon_threadsafe(self._turned.set)
            except RuntimeError:
                return  # the loop has ended
            if not self._turned.wait(self._seconds) and not self._stopping.is_set():
                self._bark()
                self._turned.wait()

    def _bark(self) -> None:
        frame = sys._current_frames().get(self._loop_thread)  # noqa: SLF001 - documented, despite its name
        stack = "".join(traceback.format_stack(frame)) if frame is not None else "unknown"
        self._log.error(
            "the event loop is blocked for more than %g s, and no other task goes on meanwhile. A body that"
            " blocks belongs into a `def` task. Running: %s. Stack:\n%s",
            self._seconds,
            ", ".join(self._running()) or "nothing",
            stack,
        )
