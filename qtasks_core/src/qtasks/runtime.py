"""What an app hands to its parts at start: one object, made when the app starts."""

from __future__ import annotations

from dataclasses import dataclass
from logging import Logger

from qtasks.clock import Clock
from qtasks.config import QueueConfig
from qtasks.dispatch import Dispatch
from qtasks.plugins.manager import Triggers
from qtasks.registry import Registry


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
