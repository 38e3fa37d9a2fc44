"""What a task with `echo=True` gets as its first argument: itself, with the context of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from qtasks.context import AsyncContext, Host
from qtasks.elsewhere import Elsewhere
from qtasks.options import Executor
from qtasks.task import AsyncTask

if TYPE_CHECKING:
    from qtasks.app import QueueTasks
    from qtasks.models import Delivery
    from qtasks.registry import TaskDefinition


def running_task(app: QueueTasks, definition: TaskDefinition, delivery: Delivery, host: Host) -> Any:
    """Return the task for an async body, and its blocking face for a plain one."""
    if definition.is_async and definition.executor is Executor.THREAD:
        app = cast("QueueTasks", Elsewhere(app))
    twin: AsyncTask[..., Any, Any] = AsyncTask(lambda: app, definition.function, definition)
    if definition.is_async:
        twin.run_in(AsyncContext(app, definition, delivery, host))
        return twin
    from qtasks.sync import SyncContext, SyncTask  # only a worker with plain functions needs it

    task = SyncTask(twin, lambda: app)
    task.run_in(SyncContext(app, definition, delivery, host))
    return task
