"""QTasks: a task queue, asynchronous at heart, with a blocking face, on the backend that you choose.

```python
from qtasks import QueueTasks    # blocking; with await: from qtasks.asyncio import QueueTasks

app = QueueTasks()                       # keeps its tasks in ./qtasks.db

@app.task
def add(a: int, b: int) -> int:
    return a + b
```
"""

from qtasks.config import QueueConfig
from qtasks.router import AsyncRouter
from qtasks.status import TaskStatus, TaskStatusEnum
from qtasks.sync import QueueTasks, SyncRouter, SyncTask, Task
from qtasks.task import AsyncTask

__version__ = "2.0.0"

__all__ = [
    "AsyncRouter",
    "AsyncTask",
    "QueueConfig",
    "QueueTasks",
    "SyncRouter",
    "SyncTask",
    "Task",
    "TaskStatus",
    "TaskStatusEnum",
    "__version__",
]
