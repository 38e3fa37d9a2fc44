"""A clock that tests move by hand."""

from __future__ import annotations

from collections.abc import Callable

from qtasks.clock import SYSTEM_CLOCK


class FakeClock:
    """The clocks of the system, plus what the test has added.

    They go on by themselves, so timers that run meanwhile stay right. Who subscribes is called after
    each move. Whatever sleeps on a timer alone does not notice one: there move first, then call.
    """

    def __init__(self) -> None:
        self._wall = 0.0
        self._boot = 0.0
        self._subscribers: list[Callable[[], None]] = []

    def now(self) -> float:
        """Seconds since the epoch."""
        return SYSTEM_CLOCK.now() + self._wall

    def boot(self) -> float:
        """Seconds since the machine was started."""
        return SYSTEM_CLOCK.boot() + self._boot

    def advance(self, seconds: float) -> None:
        """Let this much time pass on both clocks."""
        if seconds < 0:
            raise ValueError(f"time passes forwards, not by {seconds:g} s; jump() sets the wall clock")
        self._wall += seconds
        self._boot += seconds
        self._tell()

    def jump(self, seconds: float) -> None:
        """Set the wall clock forwards or back, as an administrator does. No time passes."""
        self._wall += seconds
        self._tell()

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Call `callback()` after each move, in the thread that moves the clock. Twice is once."""
        if callback not in self._subscribers:
            self._subscribers.append(callback)

    def _tell(self) -> None:
        for callback in tuple(self._subscribers):
            callback()
