"""The SQLite components for a blocking app."""

from __future__ import annotations

from typing import Any

from qtasks.faces import Face, engine_of
from qtasks_sqlite.broker import AsyncSQLiteBroker
from qtasks_sqlite.config import AsyncSQLiteGlobalConfig
from qtasks_sqlite.storage import AsyncSQLiteStorage


class SyncSQLiteGlobalConfig(Face[AsyncSQLiteGlobalConfig]):
    """The face of `AsyncSQLiteGlobalConfig`; the arguments are its own."""

    def __init__(
        self, url: str | None = None, *, name: str | None = None, synchronous: str | None = None
    ) -> None:
        super().__init__(AsyncSQLiteGlobalConfig(url, name=name, synchronous=synchronous))


class SyncSQLiteStorage(Face[AsyncSQLiteStorage]):
    """The face of `AsyncSQLiteStorage`; the arguments are its own."""

    def __init__(
        self,
        url: str | None = None,
        *,
        global_config: Any = None,
        name: str | None = None,
        synchronous: str | None = None,
    ) -> None:
        config = engine_of(global_config)
        super().__init__(AsyncSQLiteStorage(url, global_config=config, name=name, synchronous=synchronous))


class SyncSQLiteBroker(Face[AsyncSQLiteBroker]):
    """The face of `AsyncSQLiteBroker`; the arguments are its own."""

    def __init__(
        self,
        url: str | None = None,
        *,
        storage: Any = None,
        name: str | None = None,
        synchronous: str | None = None,
    ) -> None:
        super().__init__(
            AsyncSQLiteBroker(url, storage=engine_of(storage), name=name, synchronous=synchronous)
        )
