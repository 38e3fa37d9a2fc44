"""What the core needs from its parts. A third party satisfies these without importing QTasks.

Every boundary carries batches. A backend only keeps tasks: it decides nothing about retries,
poison or hooks, which belong to the core. `docs/architecture.md` draws who calls what.
"""

from qtasks.clock import Clock
from qtasks.protocols._broker import Broker, Consumer, Keeper
from qtasks.protocols._component import Component, Setup
from qtasks.protocols._global_config import GlobalConfig
from qtasks.protocols._storage import Storage
from qtasks.protocols._work import Serializer, Starter, Worker

__all__ = [
    "Broker",
    "Clock",
    "Component",
    "Consumer",
    "GlobalConfig",
    "Keeper",
    "Serializer",
    "Setup",
    "Starter",
    "Storage",
    "Worker",
]
