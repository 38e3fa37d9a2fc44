"""SIGTERM and SIGINT: the first stops gracefully, the second hurries, the third ends the process.

So does the time: a process that does not stop after the first is ended.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging import Logger
from queue import SimpleQueue
from types import FrameType
from typing import Any

STOPPING = (signal.SIGTERM, signal.SIGINT)
QUITS = 3
"""The signal that ends the process."""
QUIT_STATUS = 130
"""Exit status of a process that could not stop gracefully: 128 + SIGINT, as shells count."""
EXIT_TIME = 2.0
"""Seconds that a process has to end, once its worker has stopped."""
ONE_SIGNAL = 0.3
"""Seconds within which repeated signals are one: a wrapper and the terminal often send the same."""


class _Patience:
    """Ends a process that was told to stop and does not: a body that blocks the loop keeps it from that."""

    def __init__(self, seconds: float, log: Logger) -> None:
        self._seconds = seconds
        self._log = log
        self._asked: SimpleQueue[bool] = SimpleQueue()
        self._stopped = threading.Event()
        threading.Thread(target=self._watch, name="qtasks-patience", daemon=True).start()

    def ask(self) -> None:
        """Begin to wait. A signal handler may interrupt anything, also itself: this queue permits that."""
        self._asked.put(True)

    def close(self) -> None:
        """Say that it has stopped."""
        self._stopped.set()
        self._asked.put(False)

    def _watch(self) -> None:
        if self._asked.get() and not self._stopped.wait(self._seconds):
            self._log.error("not stopped after %g s: a task blocks the loop; the process ends", self._seconds)
            os._exit(QUIT_STATUS)


@contextmanager
def stop_on_signals(request_stop: Callable[[], None], log: Logger, patience: float) -> Iterator[None]:
    """Call `request_stop` in the running loop at each signal; the handlers before are restored.

    A program that has handlers of its own, such as a web server with a worker inside, hears its signals
    too, and decides itself when it ends.

    Outside the main thread signals belong to whoever embeds the worker, and nothing is changed.

    Args:
        request_stop: What a signal asks for.
        log: Where signals are told.
        patience: Seconds after the first signal; a process that still works then is ended.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, count, last = asyncio.get_running_loop(), 0, -ONE_SIGNAL
    watch = _Patience(patience, log)

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal count, last
        if (theirs := _of_the_program(before.get(number))) is not None:
            theirs(number, frame)
        now = time.monotonic()
        if now - last < ONE_SIGNAL:
            return
        count, last = count + 1, now
        if not is_hosted:
            if count >= QUITS:
                os._exit(QUIT_STATUS)
            watch.ask()
        loop.call_soon_threadsafe(_tell, number, count)

    def _tell(number: int, nth: int) -> None:
        what = "stopping gracefully" if nth == 1 else "stopping now"
        log.info("%s: %s", signal.Signals(number).name, what)
        request_stop()

    before: dict[int, Any] = {number: signal.getsignal(number) for number in STOPPING}
    for each in STOPPING:
        signal.signal(each, handle)
    is_hosted = any(_of_the_program(handler) is not None for handler in before.values())
    try:
        yield
    finally:
        watch.close()
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if _only_works else handler)


def _of_the_program(handler: Any) -> Callable[[int, FrameType | None], object] | None:
    """Return the handler of the program around the worker; those of Python itself would end it at once."""
    owner = getattr(getattr(handler, "func", handler), "__self__", None)
    is_pythons = handler is signal.default_int_handler or isinstance(owner, asyncio.Runner)
    return handler if callable(handler) and not is_pythons else None


_only_works = False
"""Whether this process ends with its worker: then signals that come after it have nothing to end."""


class Exit:
    """The code that a process ends with."""

    code = 0


@contextmanager
def last_thing() -> Iterator[Exit]:
    """For a process that only works: what comes after this context must not keep it.

    Threads and coroutines that tasks have left behind, also the threads of `asyncio.to_thread`, are waited
    for `EXIT_TIME` seconds at most, and late repeats of the signals do not spoil the exit.
    """
    global _only_works
    leaving, code, _only_works = Exit(), 1, True
    try:
        yield leaving
        code = leaving.code
    finally:
        for number in STOPPING:
            signal.signal(number, signal.SIG_IGN)
        threading.Thread(target=_end, args=(code,), name="qtasks-exit", daemon=True).start()


def _end(code: int) -> None:
    time.sleep(EXIT_TIME)
    os._exit(code)
