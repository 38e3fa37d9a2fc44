"""SIGTERM and SIGINT: the first stops gracefully, the second hurries, the third ends the process."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging import Logger
from types import FrameType

STOPPING = (signal.SIGTERM, signal.SIGINT)
QUITS = 3
"""The signal that ends the process."""
QUIT_STATUS = 130
"""Exit status after the third signal: 128 + SIGINT, as shells count."""
ONE_SIGNAL = 0.3
"""Seconds within which repeated signals are one: a wrapper and the terminal often send the same."""


@contextmanager
def stop_on_signals(request_stop: Callable[[], None], log: Logger) -> Iterator[None]:
    """Call `request_stop` in the running loop at each signal; the handlers before are restored.

    Outside the main thread signals belong to whoever embeds the worker, and nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, count, last = asyncio.get_running_loop(), 0, -ONE_SIGNAL

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal count, last
        now = time.monotonic()
        if now - last < ONE_SIGNAL:
            return
        count, last = count + 1, now
        if count >= QUITS:
            os._exit(QUIT_STATUS)
        loop.call_soon_threadsafe(_tell, number, count)

    def _tell(number: int, nth: int) -> None:
        what = "stopping gracefully" if nth == 1 else "stopping now"
        log.info("%s: %s", signal.Signals(number).name, what)
        request_stop()

    before = {number: signal.signal(number, handle) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
