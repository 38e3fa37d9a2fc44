"""The context of a plain body: `self.ctx` in a thread or a process."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from qtasks._portal import call
from qtasks.context import TaskContext, advice_for_plain_on_loop
from qtasks.errors import UsageError
from qtasks.sync.handles import Task


class SyncContext(TaskContext):
    """What a plain function with `echo=True` can ask and tell while it runs."""

    _own: Task[Any] | None = None

    def get_task(self, uuid: str | UUID) -> Task[Any]:
        """Return another task by its id."""
        return Task(call(lambda: self._app.home, self._app.get, uuid))

    def get_metadata(self, cache: bool = True) -> Task[Any]:
        """Return this task as the storage has it; with `cache`, as it was at the first question."""
        if self._own is None or not cache:
            self._own = self.get_task(self._delivery.id)
        return self._own

    def sleep(self, seconds: float) -> None:
        """Wait, in this thread.

        Raises:
            UsageError: The loop of the worker runs in it, and would be blocked.
        """
        if (advice := advice_for_plain_on_loop()) is not None:
            raise UsageError(f"ctx.sleep() would block the loop that is running in this thread; {advice}")
        time.sleep(seconds)
