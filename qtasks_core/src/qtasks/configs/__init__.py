"""The settings of an app, and the classes that keep the small facts that its processes share.

`from qtasks.configs import AsyncSQLiteGlobalConfig` loads the package behind the name on first use. A
package that is not installed gives an ImportError with the command that installs it. Classes of other
parties are here too, once installed; for type checkers import them from their own package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtasks import _lazy
from qtasks.config import QueueConfig as QueueConfig

if TYPE_CHECKING:
    from qtasks.memory import AsyncMemoryGlobalConfig as AsyncMemoryGlobalConfig
    from qtasks.memory import SyncMemoryGlobalConfig as SyncMemoryGlobalConfig
    from qtasks_sqlite import AsyncSQLiteGlobalConfig as AsyncSQLiteGlobalConfig
    from qtasks_sqlite import SyncSQLiteGlobalConfig as SyncSQLiteGlobalConfig
else:
    # Type checkers must not see it: they would believe every misspelt name.
    def __getattr__(name: str) -> object:
        return _lazy.load(__name__, name, globals())

    def __dir__() -> list[str]:
        return _lazy.names(__name__, "QueueConfig")
