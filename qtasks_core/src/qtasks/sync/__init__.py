"""The blocking face: a page of typed delegations to the asynchronous app."""

from typing import Final

from qtasks.shared import last_app
from qtasks.shared import shared_task as _shared_task
from qtasks.sync.app import QueueTasks
from qtasks.sync.context import SyncContext
from qtasks.sync.handles import SyncTask, SyncTaskCaller, Task
from qtasks.sync.making import SyncRouter, SyncTaskMaker
from qtasks.sync.results import SyncResult

shared_task: Final = SyncTaskMaker(_shared_task, last_app)
"""Register a function as a task of every app of the process: `@shared_task`, or with options."""

__all__ = [
    "QueueTasks",
    "SyncContext",
    "SyncResult",
    "SyncRouter",
    "SyncTask",
    "SyncTaskCaller",
    "Task",
    "shared_task",
]
