"""Plugins: functions of yours that run where QTasks does something.

```python
from qtasks.plugins import Plugin, hookimpl
from qtasks.plugins.events import ResultReplace

class Doubler(Plugin):
    @hookimpl
    async def task_executor_after_execute_result_replace(self, event: ResultReplace) -> ResultReplace:
        return event.replace(result=event.result * 2)

app.add_plugin(Doubler())
```

`docs/triggers.md` lists what there is to hook. `BasePlugin` is the form with handlers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtasks import _migration
from qtasks.plugins.base import BasePlugin
from qtasks.plugins.events import (
    AppFlushed,
    AppPinged,
    AppStopping,
    ArgsReplace,
    BrokerStart,
    BrokerStop,
    ExecuteAfter,
    ExecuteBefore,
    ExecutorAfter,
    ExecutorBefore,
    GlobalConfigStart,
    GlobalConfigStop,
    ResultAnswer,
    ResultReplace,
    RetryAnswer,
    StarterStart,
    StarterStop,
    StorageStart,
    StorageStop,
    TaskAdded,
    TaskAdding,
    TaskErrored,
    TaskRead,
    TriggerError,
    WorkerStart,
    WorkerStop,
)

if TYPE_CHECKING:
    from qtasks.plugins._markers import hookimpl
    from qtasks.plugins.spec import Plugin

__all__ = [
    "AppFlushed",
    "AppPinged",
    "AppStopping",
    "ArgsReplace",
    "BasePlugin",
    "BrokerStart",
    "BrokerStop",
    "ExecuteAfter",
    "ExecuteBefore",
    "ExecutorAfter",
    "ExecutorBefore",
    "GlobalConfigStart",
    "GlobalConfigStop",
    "Plugin",
    "ResultAnswer",
    "ResultReplace",
    "RetryAnswer",
    "StarterStart",
    "StarterStop",
    "StorageStart",
    "StorageStop",
    "TaskAdded",
    "TaskAdding",
    "TaskErrored",
    "TaskRead",
    "TriggerError",
    "WorkerStart",
    "WorkerStop",
    "hookimpl",
]


def __getattr__(name: str) -> Any:
    # Both need pluggy, which an app without plugins never loads.
    if name == "hookimpl":
        from qtasks.plugins._markers import hookimpl

        return hookimpl
    if name == "Plugin":
        from qtasks.plugins.spec import Plugin

        return Plugin
    _migration.refuse(__name__, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
