"""Sleeping until something happens, which may be in the loop of another thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from qtasks.clock import Clock
from qtasks.errors import BackendUnavailable
from qtasks.models import Record
from qtasks.status import FINAL, TaskStatus

LONGEST_SLEEP = 1.0
"""Seconds. Timers of a loop do not see the wall clock being set, nor the time of a suspended machine."""


def follow(clock: Clock, look_again: Callable[[], None]) -> None:
    """Have `look_again` called whenever somebody moves the clock, where it is one that tells of it."""
    subscribe: Callable[[Callable[[], None]], None] | None = getattr(clock, "subscribe", None)
    if subscribe is not None:
        subscribe(look_again)


class Sleeper:
    """Somebody who waits in one loop, and whom any thread may wake."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._event = asyncio.Event()
        self.longest: float | None = None
        """Seconds after which it looks again without being woken; None is never."""
        self.is_stopped = False
        """Whether the component was stopped for which it waits."""

    def wake(self) -> None:
        """End the present sleep, or the next one if it has not begun."""
        try:
            if threading.get_ident() == self._thread:
                self._event.set()
            else:
                self._loop.call_soon_threadsafe(self._event.set)
        except RuntimeError:
            return  # its loop has been closed: nobody sleeps there any more

    def stop(self) -> None:
        """Have it wait no more."""
        self.is_stopped = True
        self.wake()

    async def sleep(self) -> None:
        """Sleep until woken, or until it is time to look again."""
        timer = None
        if self.longest is not None:
            seconds = min(max(self.longest, 0.0), LONGEST_SLEEP)
            timer = self._loop.call_later(seconds, self._event.set)
        try:
            await self._event.wait()
        finally:
            if timer is not None:
                timer.cancel()
        self._event.clear()


class Sleepers:
    """Those who sleep in the calls of one component."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._asleep: set[Sleeper] = set()

    async def sleep(self, sleeper: Sleeper) -> None:
        """Let it sleep.

        Raises:
            BackendUnavailable: The component was stopped meanwhile.
        """
        self._asleep.add(sleeper)
        try:
            await sleeper.sleep()
        finally:
            self._asleep.discard(sleeper)
        if sleeper.is_stopped:
            raise BackendUnavailable(
                f"{self._url} is closed, since the app here was stopped: the wait was given up;"
                f" start the app again and repeat it"
            )

    def stop(self) -> None:
        """End every sleep."""
        for sleeper in tuple(self._asleep):
            sleeper.stop()


class Waiter(Sleeper):
    """Somebody who waits for a task to reach one of some statuses."""

    def __init__(self, until: AbstractSet[TaskStatus]) -> None:
        super().__init__()
        self.until = until
        self.is_eager = not until <= FINAL
        self.is_answered = False
        self.answer: Record | None = None

    def tell(self, record: Record | None) -> None:
        """Give the answer, once."""
        if not self.is_answered:
            self.is_answered, self.answer = True, record
            self.wake()

    def stop(self) -> None:
        """Have it wait no more; an answer that is there already is not lost."""
        if not self.is_answered:
            super().stop()


class Listener(Waiter):
    """Somebody who waits for what a task yields; whatever happens to the task, it looks again."""

    def __init__(self) -> None:
        super().__init__(FINAL)

    def tell(self, record: Record | None) -> None:  # noqa: ARG002  # it asks for more than the record
        """Have it look again."""
        self.wake()
