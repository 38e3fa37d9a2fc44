"""`Plugin`: every trigger as one typed method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtasks.plugins._markers import hookspec

if TYPE_CHECKING:
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


class Plugin:
    """What a plugin may implement: subclass it, and mark each hook with `@hookimpl`.

    A hook is `async def` or plain `def`. Of several plugins the one added last is asked first, unless
    one says `@hookimpl(tryfirst=True)` or `@hookimpl(trylast=True)`. A plugin may also have methods
    `start` and `stop`, plain or async, which are called when the app starts and stops.
    """

    @hookspec
    async def qtasks_add_task_before_broker(self, event: TaskAdding) -> TaskAdding | None:
        """Change a task before it becomes a message, or refuse it by raising."""

    @hookspec
    async def qtasks_add_task_after_broker(self, event: TaskAdded) -> None:
        """Learn that the backend has accepted a task."""

    @hookspec
    async def qtasks_get(self, event: TaskRead) -> TaskRead | None:
        """Change the task that `app.get` returns."""

    @hookspec
    async def qtasks_stop(self, event: AppStopping) -> None:
        """Learn that the app is about to stop its parts."""

    @hookspec
    async def qtasks_ping(self, event: AppPinged) -> None:
        """Learn that `app.ping` was called."""

    @hookspec
    async def qtasks_flush_all(self, event: AppFlushed) -> None:
        """Learn that everything of the app has been removed."""

    @hookspec
    async def broker_start(self, event: BrokerStart) -> None:
        """Learn that the broker has started."""

    @hookspec
    async def broker_stop(self, event: BrokerStop) -> None:
        """Learn that the broker has stopped."""

    @hookspec
    async def storage_start(self, event: StorageStart) -> None:
        """Learn that the storage has started."""

    @hookspec
    async def storage_stop(self, event: StorageStop) -> None:
        """Learn that the storage has stopped."""

    @hookspec
    async def global_config_start(self, event: GlobalConfigStart) -> None:
        """Learn that the global config has started."""

    @hookspec
    async def global_config_stop(self, event: GlobalConfigStop) -> None:
        """Learn that the global config has stopped."""

    @hookspec
    async def worker_start(self, event: WorkerStart) -> None:
        """Learn that the worker has started."""

    @hookspec
    async def worker_stop(self, event: WorkerStop) -> None:
        """Learn that the worker has stopped."""

    @hookspec
    async def worker_execute_before(self, event: ExecuteBefore) -> ExecuteBefore | None:
        """Change the extra keywords of a run, or send its delivery back by raising."""

    @hookspec
    async def worker_execute_after(self, event: ExecuteAfter) -> None:
        """Learn how a delivery has ended."""

    @hookspec(firstresult=True)
    async def worker_task_error_retry(self, event: TaskErrored) -> RetryAnswer | None:
        """Decide about another run, in place of the task's own retry rules."""

    @hookspec
    async def task_executor_args_replace(self, event: ArgsReplace) -> ArgsReplace | None:
        """Change the arguments that the body is called with."""

    @hookspec
    async def task_executor_before_execute(self, event: ExecutorBefore) -> None:
        """Learn that the body is about to be called."""

    @hookspec
    async def task_executor_run_task_trigger_error(self, event: TriggerError) -> ResultAnswer | None:
        """Say what a task returns whose body has called `ctx.plugin_error`."""

    @hookspec
    async def task_executor_after_execute(self, event: ExecutorAfter) -> None:
        """Learn that the body has returned."""

    @hookspec
    async def task_executor_after_execute_result_replace(self, event: ResultReplace) -> ResultReplace | None:
        """Change the result of the body."""

    @hookspec
    async def starter_start(self, event: StarterStart) -> None:
        """Learn that the app is connected and the worker is about to start."""

    @hookspec
    async def starter_stop(self, event: StarterStop) -> None:
        """Learn that the worker has stopped and the app disconnects next."""
