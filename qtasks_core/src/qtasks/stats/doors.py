"""`AsyncStats` and `SyncStats`: the stats of an app, for either face."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from qtasks._portal import call
from qtasks.guards import refuse_former_argument
from qtasks.stats.inspecting import InspectStats
from qtasks.stats.now import Now, look

if TYPE_CHECKING:
    from qtasks import app as engine
    from qtasks import sync

_ADD_PLUGIN: Final = "plugins belong to the app: app.add_plugin(…)"


class AsyncStats:
    """The stats of an app, for asynchronous callers.

    Args:
        app: The app; one of the blocking face is taken by its engine.
        plugins: Nothing; version 1 had it.

    Raises:
        UsageError: `plugins` is something.
    """

    def __init__(self, app: engine.QueueTasks | sync.QueueTasks, plugins: None = None) -> None:
        refuse_former_argument("plugins", plugins, _ADD_PLUGIN)
        self.app = _engine_of(app)

    async def inspect(self) -> InspectStats:
        """Return what describes the app and its tasks. Nothing is asked of the backend."""
        return InspectStats(self.app)

    async def now(self) -> Now:
        """Return how many tasks there are, what the queues hold and which workers are alive.

        Raises:
            BackendUnavailable: The backend cannot be reached now.
        """
        return await look(self.app)


class SyncStats:
    """The stats of an app, for blocking callers.

    Args:
        app: The app, of either face.
        plugins: Nothing; version 1 had it.

    Raises:
        UsageError: `plugins` is something.
    """

    def __init__(self, app: engine.QueueTasks | sync.QueueTasks, plugins: None = None) -> None:
        refuse_former_argument("plugins", plugins, _ADD_PLUGIN)
        self.app = app
        self._engine = _engine_of(app)

    def inspect(self) -> InspectStats:
        """Return what describes the app and its tasks. Nothing is asked of the backend."""
        return InspectStats(self._engine)

    def now(self) -> Now:
        """Return how many tasks there are, what the queues hold and which workers are alive.

        Raises:
            BackendUnavailable: The backend cannot be reached now.
            UsageError: A loop is running in this thread.
        """
        return call(lambda: self._engine.home, look, self._engine)


def _engine_of(app: engine.QueueTasks | sync.QueueTasks) -> engine.QueueTasks:
    twin: engine.QueueTasks | None = getattr(app, "engine", None)
    return twin if twin is not None else cast("engine.QueueTasks", app)
