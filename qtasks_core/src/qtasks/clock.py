"""Where the time comes from."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """A source of time that tests can move by hand."""

    def now(self) -> float:
        """Seconds since the epoch: the wall clock, which may jump."""
        ...

    def boot(self) -> float:
        """Seconds that only grow, also while the machine sleeps: what leases are measured on."""
        ...


def _boot() -> float:
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class SystemClock:
    """The clocks of the operating system.

    `boot` is CLOCK_BOOTTIME where there is one (clock_gettime(2)): it does not jump when the
    wall clock is set and does not stop while the machine is suspended. Elsewhere it is the
    monotonic clock.
    """

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def boot(self) -> float:
        """Seconds since the machine was started."""
        return _boot()


SYSTEM_CLOCK = SystemClock()


def moment_after(now: float, seconds: float | None) -> float | None:
    """Return the moment so many seconds from now; None, which is never, where there are none."""
    return None if seconds is None else now + seconds
