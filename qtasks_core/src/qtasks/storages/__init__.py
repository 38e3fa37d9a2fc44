"""The classes that keep the record of each task, one for each installed backend.

`from qtasks.storages import AsyncSQLiteStorage` loads the package behind the name on first use. A package
that is not installed gives an ImportError with the command that installs it. Classes of other
parties are here too, once installed; for type checkers import them from their own package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtasks import _lazy

if TYPE_CHECKING:
    from qtasks.memory import AsyncMemoryStorage as AsyncMemoryStorage
    from qtasks.memory import SyncMemoryStorage as SyncMemoryStorage
    from qtasks_sqlite import AsyncSQLiteStorage as AsyncSQLiteStorage
    from qtasks_sqlite import SyncSQLiteStorage as SyncSQLiteStorage
else:
    # Type checkers must not see it: they would believe every misspelt name.
    def __getattr__(name: str) -> object:
        return _lazy.load(__name__, name, globals())

    def __dir__() -> list[str]:
        return _lazy.names(__name__)
