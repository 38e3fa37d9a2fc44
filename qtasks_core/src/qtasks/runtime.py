"""What an app hands to its parts at start: one object, made when the app starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from logging import Logger
from typing import Any

from qtasks.clock import Clock
from qtasks.config import QueueConfig
from qtasks.context import Host
from qtasks.dispatch import Dispatch
from qtasks.executors import TaskMiddleware
from qtasks.models import Delivery
from qtasks.plugins.manager import Triggers
from qtasks.protocols import Serializer
from qtasks.registry import Registry, TaskDefinition

Bind = Callable[[TaskDefinition, Delivery, Host], Any]


@dataclass(frozen=True, slots=True)
class Runtime:
    """The `Setup` of the protocols, with what the core's own worker needs besides."""

    name: str
    config: QueueConfig
    clock: Clock
    log: Logger
    registry: Registry
    triggers: Triggers
    dispatch: Dispatch
    serializer: Serializer
    """Who writes arguments and results."""
    bind: Bind
    """Makes what a task with `echo=True` gets as its first argument."""
    middlewares: tuple[tuple[type[TaskMiddleware], ...], tuple[type[TaskMiddleware], ...]] = ((), ())
    """Those around every task: before the body, and after it."""
    home_module: Callable[[], str | None] = lambda: None
    """The name of the module that makes the app, if there is one to import in another process."""
    url: str | None = None
    """Where the tasks are kept; None where the broker was made by hand."""
