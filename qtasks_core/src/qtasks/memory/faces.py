"""The in-memory components for a blocking app."""

from __future__ import annotations

from typing import Any

from qtasks.faces import Face, engine_of
from qtasks.memory.broker import AsyncMemoryBroker
from qtasks.memory.config import AsyncMemoryGlobalConfig
from qtasks.memory.storage import AsyncMemoryStorage


class SyncMemoryGlobalConfig(Face[AsyncMemoryGlobalConfig]):
    """The face of `AsyncMemoryGlobalConfig`; the arguments are its own."""

    def __init__(self, url: str | None = None, *, name: str | None = None) -> None:
        super().__init__(AsyncMemoryGlobalConfig(url, name=name))


class SyncMemoryStorage(Face[AsyncMemoryStorage]):
    """The face of `AsyncMemoryStorage`; the arguments are its own."""

    def __init__(self, url: str | None = None, *, global_config: Any = None, name: str | None = None) -> None:
        super().__init__(AsyncMemoryStorage(url, global_config=engine_of(global_config), name=name))


class SyncMemoryBroker(Face[AsyncMemoryBroker]):
    """The face of `AsyncMemoryBroker`; the arguments are its own."""

    def __init__(self, url: str | None = None, *, storage: Any = None, name: str | None = None) -> None:
        super().__init__(AsyncMemoryBroker(url, storage=engine_of(storage), name=name))
