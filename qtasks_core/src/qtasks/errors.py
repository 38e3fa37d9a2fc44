"""Every error that QTasks raises, as one tree.

```
QTasksError
├── ConfigError                 a setting has a wrong name, type or value
├── UsageError                  a call at the wrong moment or in the wrong place
├── BackendError                something between us and the server or file
│   ├── BackendNotFound         no installed package provides this URL scheme or class
│   ├── BackendConflict         two installed packages offer one name
│   ├── BackendUnavailable      the backend cannot be reached now; the same call may succeed later
│   ├── BackendRefused          the backend answered no: read-only, full, not permitted
│   └── BackendMismatch         the data there belongs to another program or a newer version
├── TaskError                   a task cannot be registered, sent or found
│   ├── TaskNameTaken           two tasks of one app have one name
│   ├── TaskNotFound            nobody knows this task id
│   ├── TaskArgumentError       the arguments do not fit the task's signature
│   ├── EncodeError             a value cannot be written into a message
│   └── DecodeError             bytes that are no message, or a value of the wrong type
├── ResultError                 why a task has no value to give
│   ├── ResultTimeout           it has not ended within the time that you gave
│   ├── ResultGone              it ended, and its record has expired or was removed
│   ├── TaskFailed              it ended in `error`
│   ├── TaskCancelled           it ended in `cancel`
│   └── TaskDead                it ended in `dead`: given up without an outcome of its own
├── WorkerExhausted             too many bodies of this worker cannot be ended
├── PluginError                 a hook of a plugin failed
│   └── PluginNotFound          a plugin or hook name that does not exist
└── TaskExit                    leaves a body on purpose
    ├── TaskCancelError         `ctx.cancel`: the task ends in `cancel`
    └── TaskPluginTriggerError  `ctx.plugin_error`: a plugin says what the task returns
```

An error of a driver never leaves a backend: the backend translates it in one
place and raises one of these `from` it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qtasks.models import Failure
    from qtasks.result import TaskView


class QTasksError(Exception):
    """The root: `except QTasksError` catches whatever QTasks raises on purpose."""


class ConfigError(QTasksError, ValueError):
    """A setting has a wrong name, type or value."""


class UsageError(QTasksError, RuntimeError):
    """A call came at the wrong moment or in the wrong place; the text names the right one."""


class BackendError(QTasksError):
    """Something went wrong between QTasks and the server or file that keeps the tasks."""

    task_id: str | None = None
    """The id that a failed `add_task` used; repeat the call with `.options(id=…)` to be safe."""


class BackendNotFound(BackendError, LookupError):
    """No installed package provides this URL scheme or class; the text names the one to install."""


class BackendConflict(BackendError):
    """Two installed packages offer one name; uninstall one of them."""


class BackendUnavailable(BackendError, ConnectionError):
    """The backend cannot be reached now; the same call may succeed later."""


class BackendRefused(BackendError):
    """The backend answered no (read-only, full, not permitted); the text says what to change."""


class BackendMismatch(BackendError):
    """The data there belongs to another program or to a newer version of QTasks."""


class TaskError(QTasksError):
    """A task cannot be registered, sent or found."""


class TaskNameTaken(TaskError, ValueError):
    """Two tasks of one app have one name; give one of them `name=`."""


class TaskNotFound(TaskError, LookupError):
    """Nobody knows this task id: it was never accepted, or its record has expired."""


class TaskArgumentError(TaskError, TypeError):
    """The arguments do not fit the signature of the task; nothing was sent."""


class EncodeError(TaskError, ValueError):
    """A value cannot be written into a message; the text names the argument."""


class DecodeError(TaskError, ValueError):
    """These bytes are no message of QTasks, or a value is not of the annotated type."""


class ResultError(QTasksError):
    """Why a task has no value to give. Carries the task where it is known."""

    def __init__(self, message: str, task: TaskView[Any] | None = None) -> None:
        super().__init__(message)
        self.task = task


class ResultTimeout(ResultError, TimeoutError):
    """The task has not ended within the time that you gave; it goes on, and `task` can be asked again."""


class ResultGone(ResultError, LookupError):
    """The task was there, and its record has expired or was removed."""


class TaskFailed(ResultError):
    """The task ended in `error`; `failure` holds type, text and traceback of the remote exception."""

    def __init__(
        self, message: str, task: TaskView[Any] | None = None, failure: Failure | None = None
    ) -> None:
        super().__init__(message, task)
        self.failure = failure


class TaskCancelled(ResultError):
    """The task ended in `cancel`."""


class TaskDead(ResultError):
    """The task ended in `dead`: lost workers, unknown name, undecodable or expired."""


class WorkerExhausted(QTasksError, RuntimeError):
    """Too many bodies go on although their tasks have ended; a new process must take the worker's place."""


class PluginError(QTasksError):
    """A hook of a plugin failed; the text names both, `__cause__` is what it raised."""

    def __init__(self, message: str, plugin: str | None = None, hook: str | None = None) -> None:
        super().__init__(message)
        self.plugin = plugin
        self.hook = hook


class PluginNotFound(PluginError, LookupError):
    """A plugin or hook name that does not exist; the text gives the nearest one."""


class TaskExit(QTasksError):
    """Leaves the body of a task on purpose; not a failure of it."""


class TaskCancelError(TaskExit):
    """Raised by `ctx.cancel`: the task ends in `cancel` with this reason."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class TaskPluginTriggerError(TaskExit):
    """Raised by `ctx.plugin_error`: the hook `task_executor_run_task_trigger_error` may answer."""

    def __init__(self, **values: Any) -> None:
        super().__init__(", ".join(f"{name}={value!r}" for name, value in values.items()))
        self.values = values
