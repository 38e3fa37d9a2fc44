"""`AsyncResult`: wait for a task of which only the id is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from qtasks.faces import app_of
from qtasks.result import Task
from qtasks.shared import last_app

if TYPE_CHECKING:
    from qtasks.app import QueueTasks


class AsyncResult:
    """A task by its id.

    Args:
        uuid: The id.
        app: The app, either face; by default the one that was made last.
    """

    def __init__(self, uuid: str | UUID, app: Any = None) -> None:
        self.uuid = uuid
        self._app: QueueTasks = last_app() if app is None else app_of(app)

    async def result(self, timeout: float | None = 100.0) -> Task[Any]:
        """Return the finished task.

        Args:
            timeout: Seconds, or None for as long as it takes.

        Raises:
            TaskNotFound: Nobody knows it.
            ResultTimeout: It has not ended in time.
        """
        return await (await self._app.get(self.uuid)).wait(timeout)
