"""Every trigger with its kind: the row here is what makes a name a trigger."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final, get_args, get_origin, get_type_hints

import msgspec

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
    HookEvent,
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
from qtasks.plugins.kinds import First, Fold, Kind, Notify


class Triggers(msgspec.Struct, frozen=True):
    """The compiled plan of an app: one attribute per trigger, None where no plugin listens.

    A place that fires one reads `if (hook := triggers.x) is not None: await hook(event)`, so that
    without a plugin not even the event is made.
    """

    qtasks_add_task_before_broker: Fold[TaskAdding] | None = None
    qtasks_add_task_after_broker: Notify[TaskAdded] | None = None
    qtasks_get: Fold[TaskRead] | None = None
    qtasks_stop: Notify[AppStopping] | None = None
    qtasks_ping: Notify[AppPinged] | None = None
    qtasks_flush_all: Notify[AppFlushed] | None = None

    broker_start: Notify[BrokerStart] | None = None
    broker_stop: Notify[BrokerStop] | None = None

    storage_start: Notify[StorageStart] | None = None
    storage_stop: Notify[StorageStop] | None = None

    global_config_start: Notify[GlobalConfigStart] | None = None
    global_config_stop: Notify[GlobalConfigStop] | None = None

    worker_start: Notify[WorkerStart] | None = None
    worker_stop: Notify[WorkerStop] | None = None
    worker_execute_before: Fold[ExecuteBefore] | None = None
    worker_execute_after: Notify[ExecuteAfter] | None = None
    worker_task_error_retry: First[TaskErrored, RetryAnswer] | None = None

    task_executor_args_replace: Fold[ArgsReplace] | None = None
    task_executor_before_execute: Notify[ExecutorBefore] | None = None
    task_executor_run_task_trigger_error: First[TriggerError, ResultAnswer] | None = None
    task_executor_after_execute: Notify[ExecutorAfter] | None = None
    task_executor_after_execute_result_replace: Fold[ResultReplace] | None = None

    starter_start: Notify[StarterStart] | None = None
    starter_stop: Notify[StarterStop] | None = None


NO_TRIGGERS: Final = Triggers()
"""The plan of an app without plugins."""


class TriggerType(msgspec.Struct, frozen=True):
    """What a row of `Triggers` says."""

    kind: type[Kind[Any]]
    event: type[HookEvent]
    answer: type[Any] | None
    """The type of an answer that counts; None where answers are ignored."""


@cache
def catalogue() -> Mapping[str, TriggerType]:
    """Return every trigger by name, in the order of `Triggers`."""
    rows = get_type_hints(Triggers).items()
    return MappingProxyType({name: _read(get_args(hint)[0]) for name, hint in rows})


def nearest(name: str) -> str:
    """Return `; did you mean …?` with the trigger that looks most like `name`, or nothing."""
    from difflib import get_close_matches  # only needed for the error

    near = get_close_matches(name, catalogue(), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _read(row: Any) -> TriggerType:
    kind, types = get_origin(row), get_args(row)
    answers = {Notify: None, Fold: types[0], First: types[-1]}
    return TriggerType(kind, types[0], answers[kind])
