"""Bodies of the trials that run in a process: it imports them from here."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator


def linger(seconds: float) -> str:
    """Last so long, and return a value."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.005)
    return "whole"


def linger_between(seconds: float) -> Iterator[str]:
    """The same, and yield meanwhile."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.005)
        yield "part"


def where() -> tuple[int, bool]:
    """Return the process, and whether this is its main thread."""
    return os.getpid(), threading.current_thread() is threading.main_thread()


def take(size: int) -> int:
    """Use so much memory for a moment."""
    return len(bytearray(size))


def say(key: int = 0) -> Iterator[int]:
    """Be a body that any option can be given to."""
    yield key
