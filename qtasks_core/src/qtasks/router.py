"""Tasks that are collected in a module of their own and included into an app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtasks.errors import UsageError
from qtasks.making import TaskMaker
from qtasks.registry import Registry, TaskDefinition

if TYPE_CHECKING:
    from qtasks.app import QueueTasks


class _Collected(Registry):
    """The tasks of a router; those that come after its inclusion go on into the app."""

    into: Registry | None = None

    def add(self, definition: TaskDefinition) -> None:
        """Register it here, and in the app that has included the router.

        Raises:
            TaskNameTaken: One of them has the name already; it is registered nowhere then.
        """
        if self.into is not None:
            self.into.check(definition)
        super().add(definition)
        if self.into is not None:
            self.into.add(definition)


class AsyncRouter:
    """Collects tasks before there is an app; `app.include_router(router)` gives them to it.

    Its tasks can be sent once it is included.
    """

    def __init__(self) -> None:
        self.tasks = _Collected()
        self._app: QueueTasks | None = None

    @property
    def task(self) -> TaskMaker:
        """Register a function as a task, bare or with options; see `QueueTasks.task`."""
        return TaskMaker(self.tasks, self.app)

    def app(self) -> QueueTasks:
        """Return the app that includes this router.

        Raises:
            UsageError: None does yet.
        """
        if self._app is None:
            raise UsageError("this router is in no app yet: call app.include_router(router) first")
        return self._app

    def bind(self, app: QueueTasks) -> None:
        """Remember the app; called by `include_router`."""
        if self._app is not None and self._app is not app:
            raise UsageError("this router is in another app already")
        self._app, self.tasks.into = app, app.tasks
