"""Who sleeps until there is something to do, or until a task has come to an end."""

from __future__ import annotations

from collections.abc import Sequence

from qtasks.memory._item import Item
from qtasks.memory._wake import Listener, Sleeper, Waiter


class Waits:
    """Idle consumers by queue, waiters by task; news is collected and rung at the end of a step."""

    def __init__(self) -> None:
        self._idle: dict[Sleeper, Sequence[str]] = {}
        self._waiters: dict[str, list[Waiter]] = {}
        self._fresh: set[str] = set()
        self._rearm = False

    def watch(self, sleeper: Sleeper, queues: Sequence[str]) -> None:
        """Wake this consumer at the next news of its queues."""
        self._idle[sleeper] = queues

    def unwatch(self, sleeper: Sleeper) -> None:
        """Wake it no more."""
        self._idle.pop(sleeper, None)

    def wait(self, task_id: str, waiter: Waiter) -> None:
        """Tell this waiter about the task."""
        waiters = self._waiters.setdefault(task_id, [])
        if waiter not in waiters:
            waiters.append(waiter)

    def leave(self, task_id: str, waiter: Waiter) -> None:
        """Tell it nothing more."""
        waiters = self._waiters.get(task_id)
        if waiters is not None and waiter in waiters:
            waiters.remove(waiter)
            if not waiters:
                del self._waiters[task_id]

    def ready(self, queue: str) -> None:
        """Note that this queue has something to fetch."""
        self._fresh.add(queue)

    def sooner(self) -> None:
        """Note that something will happen before the moment until which consumers sleep."""
        self._rearm = True

    def changed(self, item: Item) -> None:
        """Answer those who wait for the status that this task has now."""
        waiters = self._waiters.get(item.message.id)
        if waiters is None:
            return
        for waiter in tuple(waiters):
            if item.status in waiter.until:
                waiter.tell(item.record())
                self.leave(item.message.id, waiter)
            elif waiter.is_eager or item.is_final:
                waiter.wake()  # its timer depends on what happens to the task next

    def said(self, task_id: str) -> None:
        """Have those look again who listen to what this task yields."""
        for waiter in self._waiters.get(task_id, ()):
            if isinstance(waiter, Listener):
                waiter.wake()

    def removed(self, task_id: str) -> None:
        """Answer that there is no such record any more."""
        for waiter in self._waiters.pop(task_id, ()):
            waiter.tell(None)

    def ring(self) -> None:
        """Wake the consumers whom the collected news concerns."""
        if not self._fresh and not self._rearm:
            return
        for sleeper, queues in tuple(self._idle.items()):
            if self._rearm or not self._fresh.isdisjoint(queues):
                del self._idle[sleeper]
                sleeper.wake()
        self._fresh.clear()
        self._rearm = False

    def look_again(self) -> None:
        """Wake everybody: the time has been changed."""
        self._rearm = True
        self.ring()
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.wake()
