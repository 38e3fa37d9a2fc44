"""What an app hands to its components, without an app."""

from __future__ import annotations

from dataclasses import dataclass, field
from logging import Logger, getLogger
from typing import ClassVar

from qtasks.clock import Clock
from qtasks.config import QueueConfig
from qtasks.testing.clock import FakeClock


@dataclass(slots=True)
class TestSetup:
    """Starts a component in a test: `await broker.start(TestSetup())`."""

    __test__: ClassVar[bool] = False  # its name makes pytest think of a test class

    name: str = "tests"
    config: QueueConfig = field(default_factory=QueueConfig)
    clock: Clock = field(default_factory=FakeClock)
    log: Logger = field(default_factory=lambda: getLogger("qtasks.testing"))
