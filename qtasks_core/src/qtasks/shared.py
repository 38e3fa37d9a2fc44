"""`shared_task`: tasks of a library, which every app of the process has; and the app that was made last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from weakref import ReferenceType, WeakSet, ref

from qtasks.errors import ConfigError, UsageError
from qtasks.faces import app_of
from qtasks.making import TaskMaker
from qtasks.registry import Registry, TaskDefinition

if TYPE_CHECKING:
    from qtasks.app import QueueTasks

_apps: Final[WeakSet[QueueTasks]] = WeakSet()
_AWAITING: Final = (
    "awaiting= is an option of version 1: `from qtasks.asyncio import shared_task` is the one whose calls are"
    " awaited, `from qtasks import shared_task` the blocking one; see docs/migration.md"
)
_last: list[ReferenceType[Any]] = []
"""The app that was made last, in the face that its user made."""


class _Shared(Registry):
    """What is shared is in every app, whether it was made before or after."""

    def add(self, definition: TaskDefinition) -> None:
        """Register it here and in the apps that there are.

        Raises:
            TaskNameTaken: One of them has the name already; it is registered nowhere then.
            ConfigError: It has `awaiting=`, which version 1 had.
        """
        if "awaiting" in definition.options.extra:
            raise ConfigError(_AWAITING)
        for app in list(_apps):
            app.tasks.check(definition)
        super().add(definition)
        for app in list(_apps):
            app.tasks.add(definition)


SHARED: Final = _Shared()
"""The tasks that are shared."""


def absorb(app: QueueTasks) -> None:
    """Give an app the shared tasks, and those that are to come; called when it is made."""
    for definition in SHARED.values():
        app.tasks.add(definition)
    _apps.add(app)
    note_face(app)


def note_face(app: Any) -> None:
    """Remember the app that was made last; called by both faces."""
    _last[:] = [ref(app)]


def get_app() -> Any:
    """Return the app that was made last in this process, in the face that was made.

    Raises:
        UsageError: There is none.
    """
    app = _last[0]() if _last else None
    if app is None:
        raise UsageError("there is no app in this process yet: make one with QueueTasks(…) first")
    return app


def last_app() -> QueueTasks:
    """Return the app that was made last in this process: the one that shared tasks are sent by.

    Raises:
        UsageError: There is none.
    """
    app: QueueTasks = app_of(get_app())
    return app


shared_task: Final = TaskMaker(SHARED, last_app)
"""Register a function as a task of every app of the process: `@shared_task`, or with options.

It is sent by the app that was made last.
"""
