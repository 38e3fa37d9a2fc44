"""The classes that keep tasks until a worker takes them, one for each installed backend.

`from qtasks.brokers import AsyncSQLiteBroker` loads the package behind the name on first use. A package
that is not installed gives an ImportError with the command that installs it. Classes of other
parties are here too, once installed; for type checkers import them from their own package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtasks import _lazy

if TYPE_CHECKING:
    from qtasks.memory import AsyncMemoryBroker as AsyncMemoryBroker
    from qtasks.memory import SyncMemoryBroker as SyncMemoryBroker
    from qtasks_sqlite import AsyncSQLiteBroker as AsyncSQLiteBroker
    from qtasks_sqlite import SyncSQLiteBroker as SyncSQLiteBroker
else:
    # Type checkers must not see it: they would believe every misspelt name.
    def __getattr__(name: str) -> object:
        return _lazy.load(__name__, name, globals())

    def __dir__() -> list[str]:
        return _lazy.names(__name__)
