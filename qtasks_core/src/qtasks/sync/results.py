"""`SyncResult`: wait for a task of which only the id is known."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from qtasks import app as engine
from qtasks._portal import call
from qtasks.guards import checked_app, refuse_former_argument
from qtasks.shared import last_app
from qtasks.sync.handles import Task


class SyncResult:
    """A task by its id.

    Args:
        uuid: The id.
        app: The app, either face; by default the one that was made last.
        log: Nothing; version 1 had it.

    Raises:
        UsageError: `log` is something, or there is no app.
    """

    def __init__(self, uuid: str | UUID, app: Any = None, log: None = None) -> None:
        refuse_former_argument("log", log, f"{type(self).__name__} writes no log; the app does, to app.log")
        self.uuid = uuid
        self._app: engine.QueueTasks = last_app() if app is None else checked_app(app)

    def result(self, timeout: float | None = 100.0) -> Task[Any]:
        """Return the finished task.

        Args:
            timeout: Seconds, or None for as long as it takes.

        Raises:
            TaskNotFound: Nobody knows it.
            ResultTimeout: It has not ended in time.
        """
        task: Task[Any] = Task(call(lambda: self._app.home, self._app.get, self.uuid))
        return task.wait(timeout)
