"""The SQLite backend: broker, storage and config in one file, without a server.

`sqlite:///relative.db` or `sqlite:////absolute/path.db`, with `?synchronous=full|normal|off`.
"""

from typing import Final

from qtasks.backends import Backend
from qtasks_sqlite.broker import LIMITS, AsyncSQLiteBroker
from qtasks_sqlite.config import AsyncSQLiteGlobalConfig
from qtasks_sqlite.doctor import doctor
from qtasks_sqlite.faces import SyncSQLiteBroker, SyncSQLiteGlobalConfig, SyncSQLiteStorage
from qtasks_sqlite.storage import AsyncSQLiteStorage

__all__ = [
    "BACKEND",
    "AsyncSQLiteBroker",
    "AsyncSQLiteGlobalConfig",
    "AsyncSQLiteStorage",
    "SyncSQLiteBroker",
    "SyncSQLiteGlobalConfig",
    "SyncSQLiteStorage",
]

BACKEND: Final = Backend(
    name="sqlite",
    broker=AsyncSQLiteBroker,
    storage=AsyncSQLiteStorage,
    global_config=AsyncSQLiteGlobalConfig,
    limits=LIMITS,
    doctor=doctor,
)
