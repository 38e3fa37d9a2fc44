"""QTasks: a task queue, asynchronous at heart, with a blocking face, on the backend that you choose.

```python
from qtasks import QueueTasks    # blocking; with await: from qtasks.asyncio import QueueTasks

app = QueueTasks()                       # keeps its tasks in ./qtasks.db

@app.task
def add(a: int, b: int) -> int:
    return a + b
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qtasks import _migration

if TYPE_CHECKING:
    from qtasks.config import QueueConfig as QueueConfig
    from qtasks.results import AsyncResult as AsyncResult
    from qtasks.router import AsyncRouter as AsyncRouter
    from qtasks.serialization.secret import Secret as Secret
    from qtasks.status import TaskStatus as TaskStatus
    from qtasks.status import TaskStatusEnum as TaskStatusEnum
    from qtasks.sync import QueueTasks as QueueTasks
    from qtasks.sync import SyncResult as SyncResult
    from qtasks.sync import SyncRouter as SyncRouter
    from qtasks.sync import SyncTask as SyncTask
    from qtasks.sync import Task as Task
    from qtasks.sync import shared_task as shared_task
    from qtasks.task import AsyncTask as AsyncTask
    from qtasks.unique import Unique as Unique

__version__ = "2.0.0"

__all__ = [
    "AsyncResult",
    "AsyncRouter",
    "AsyncTask",
    "QueueConfig",
    "QueueTasks",
    "Secret",
    "SyncResult",
    "SyncRouter",
    "SyncTask",
    "Task",
    "TaskStatus",
    "TaskStatusEnum",
    "Unique",
    "__version__",
    "shared_task",
]

_MODULES: Final = {
    "AsyncResult": "results",
    "AsyncRouter": "router",
    "AsyncTask": "task",
    "QueueConfig": "config",
    "QueueTasks": "sync",
    "Secret": "serialization.secret",
    "SyncResult": "sync",
    "SyncRouter": "sync",
    "SyncTask": "sync",
    "Task": "sync",
    "TaskStatus": "status",
    "TaskStatusEnum": "status",
    "Unique": "unique",
    "shared_task": "sync",
}

_migration.tell_of_modules()

if not TYPE_CHECKING:  # type checkers must not see it: they would believe every misspelt name

    def __getattr__(name: str) -> object:
        # pytest imports this package at every start, because its fixtures are in it.
        from importlib import import_module

        if name not in _MODULES:
            _migration.refuse(__name__, name)
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
        return globals().setdefault(name, getattr(import_module(f"{__name__}.{_MODULES[name]}"), name))

    def __dir__() -> list[str]:
        return sorted(__all__)
