"""What hooks are told: one frozen object per trigger, and the answers that are not events.

A hook that replaces something answers `event.replace(…)`. `docs/triggers.md` describes each trigger
with its moment and its answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import msgspec

if TYPE_CHECKING:
    from qtasks.app import QueueTasks
    from qtasks.errors import TaskPluginTriggerError
    from qtasks.models import Delivery, Outcome
    from qtasks.protocols import Broker, GlobalConfig, Starter, Storage, Worker
    from qtasks.registry import TaskDefinition
    from qtasks.result import Task


class HookEvent(msgspec.Struct, frozen=True, eq=False):
    """What every event is. Two events are never equal: they carry live objects."""

    def replace(self, **changes: Any) -> Self:
        """Return the event with these fields changed; the others are the same objects.

        Raises:
            TypeError: The event has no such field.
        """
        return msgspec.structs.replace(self, **changes)


class TaskAdding(HookEvent, frozen=True):
    """A task is about to be written into its message."""

    app: QueueTasks
    broker: Broker
    task_name: str
    priority: int
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    extra: dict[str, Any]
    """What plugins add to the message beside the arguments."""


class TaskAdded(HookEvent, frozen=True):
    """The backend has accepted a task."""

    app: QueueTasks
    broker: Broker
    task_name: str
    priority: int
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    task: Task[Any]


class TaskRead(HookEvent, frozen=True):
    """`app.get` has read a task and is about to return it."""

    app: QueueTasks
    broker: Broker
    task: Task[Any]


class AppStopping(HookEvent, frozen=True):
    """The app is about to stop its parts."""

    app: QueueTasks
    starter: Starter | None = None
    """None in a producer, which has no starter."""


class AppPinged(HookEvent, frozen=True):
    """`app.ping` was called, and is about to ask."""

    app: QueueTasks
    global_config: GlobalConfig


class AppFlushed(HookEvent, frozen=True):
    """`app.flush_all` has removed everything of the app."""

    app: QueueTasks
    broker: Broker


class BrokerStart(HookEvent, frozen=True):
    """The broker has started."""

    broker: Broker
    worker: Worker | None = None
    """None in a producer."""


class BrokerStop(HookEvent, frozen=True):
    """The broker has stopped."""

    broker: Broker


class StorageStart(HookEvent, frozen=True):
    """The storage has started."""

    storage: Storage


class StorageStop(HookEvent, frozen=True):
    """The storage has stopped."""

    storage: Storage


class GlobalConfigStart(HookEvent, frozen=True):
    """The global config has started."""

    global_config: GlobalConfig


class GlobalConfigStop(HookEvent, frozen=True):
    """The global config has stopped."""

    global_config: GlobalConfig


class WorkerStart(HookEvent, frozen=True):
    """The worker has started: it fetches tasks from now on."""

    worker: Worker


class WorkerStop(HookEvent, frozen=True):
    """The worker has stopped: nothing runs any more."""

    worker: Worker


class StarterStart(HookEvent, frozen=True):
    """The app is connected, and the starter is about to start the worker."""

    starter: Starter


class StarterStop(HookEvent, frozen=True):
    """The starter has stopped the worker; the app disconnects next."""

    starter: Starter


class ExecuteBefore(HookEvent, frozen=True):
    """A delivery has its slot, and its task is known; nothing is decoded yet."""

    worker: Worker
    task_broker: Delivery
    task_func: TaskDefinition
    extra: dict[str, Any]
    """The extra keywords of `@app.task`."""


class ExecuteAfter(HookEvent, frozen=True):
    """The outcome of a delivery is recorded."""

    worker: Worker
    task_broker: Delivery | None
    """None where the delivery was lost to another worker meanwhile."""
    task_func: TaskDefinition | None
    """None where this worker does not know the task."""
    outcome: Outcome


class ArgsReplace(HookEvent, frozen=True):
    """The arguments are decoded, and the body has not been called."""

    task_executor: Any
    task_func: TaskDefinition
    task_broker: Delivery
    args: list[Any]
    kwargs: dict[str, Any]
    args_info: Sequence[Any]
    """One description per argument; built when it is first looked at."""
    extra: dict[str, Any]
    """The extra keywords of `@app.task`."""


class ExecutorBefore(HookEvent, frozen=True):
    """The body is about to be called, with its final arguments."""

    task_executor: Any
    task_func: TaskDefinition
    task_broker: Delivery


class ExecutorAfter(HookEvent, frozen=True):
    """The body has returned; its result is not encoded yet."""

    task_executor: Any
    task_func: TaskDefinition
    task_broker: Delivery


class ResultReplace(HookEvent, frozen=True):
    """The body has returned a result that is about to be encoded."""

    task_executor: Any
    task_func: TaskDefinition
    task_broker: Delivery
    result: Any


class TaskErrored(HookEvent, frozen=True):
    """A run has failed, and whether there will be another is not decided yet."""

    worker: Worker
    broker: Broker
    task_func: TaskDefinition
    task_broker: Delivery
    error: BaseException
    attempt: int
    """The number of the run that failed: 1 is the first."""
    trace: str
    """The traceback, as text."""


class TriggerError(HookEvent, frozen=True):
    """The body has called `ctx.plugin_error`: it asks plugins what it returns."""

    task_executor: Any
    task_func: TaskDefinition
    task_broker: Delivery
    e: TaskPluginTriggerError
    """Its `values` are the keywords that the body gave."""


class ResultAnswer(msgspec.Struct, frozen=True):
    """What a task returns whose body has asked plugins for it."""

    result: Any


class RetryAnswer(msgspec.Struct, frozen=True):
    """What becomes of a task whose run has failed, in place of its own retry rules."""

    retry: bool
    """True: it runs again. False: it ends in `error`."""
    delay: float = 0.0
    """Seconds until the next run."""
