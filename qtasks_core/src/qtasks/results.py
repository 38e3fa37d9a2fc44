"""`AsyncResult`: wait for a task of which only the id is known. `SyncResult` can be imported here too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from qtasks.guards import checked_app, refuse_former_argument
from qtasks.result import Task
from qtasks.shared import last_app

if TYPE_CHECKING:
    from qtasks.app import QueueTasks
    from qtasks.sync import SyncResult

__all__ = ["AsyncResult", "SyncResult"]

__path__: Final[list[str]] = []
"""So that imports of modules which version 1 had in here are heard by `qtasks._migration`."""


class AsyncResult:
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
        self._app: QueueTasks = last_app() if app is None else checked_app(app)

    async def result(self, timeout: float | None = 100.0) -> Task[Any]:
        """Return the finished task.

        Args:
            timeout: Seconds, or None for as long as it takes.

        Raises:
            TaskNotFound: Nobody knows it.
            ResultTimeout: It has not ended in time.
        """
        return await (await self._app.get(self.uuid)).wait(timeout)


if not TYPE_CHECKING:  # type checkers must not see it: they would believe every misspelt name

    def __getattr__(name: str) -> object:
        if name == "SyncResult":  # an asynchronous program never loads the blocking face
            from qtasks.sync import SyncResult

            return globals().setdefault(name, SyncResult)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
