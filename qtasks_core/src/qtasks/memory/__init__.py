"""The backend inside one process: for tests, for trying out, for work that may be lost.

`memory://` is private to the broker and what it made; `memory://name` is shared in the process.
Nothing survives the process, and no other process sees it.
"""

from typing import Final

from qtasks.backends import Backend
from qtasks.memory.broker import LIMITS, AsyncMemoryBroker
from qtasks.memory.config import AsyncMemoryGlobalConfig
from qtasks.memory.faces import SyncMemoryBroker, SyncMemoryGlobalConfig, SyncMemoryStorage
from qtasks.memory.storage import AsyncMemoryStorage

__all__ = [
    "BACKEND",
    "AsyncMemoryBroker",
    "AsyncMemoryGlobalConfig",
    "AsyncMemoryStorage",
    "SyncMemoryBroker",
    "SyncMemoryGlobalConfig",
    "SyncMemoryStorage",
]

BACKEND: Final = Backend(
    name="memory",
    broker=AsyncMemoryBroker,
    storage=AsyncMemoryStorage,
    global_config=AsyncMemoryGlobalConfig,
    limits=LIMITS,
)
