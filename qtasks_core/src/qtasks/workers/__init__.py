"""Workers: what fetches tasks, runs them and settles their outcomes."""

from typing import TYPE_CHECKING, Any

from qtasks import _migration
from qtasks.faces import Face, engine_of
from qtasks.protocols import Broker
from qtasks.worker.engine import AsyncWorker


class SyncThreadWorker(Face[AsyncWorker]):
    """A worker for a blocking app: `def` tasks run in threads, async tasks on its loop."""

    def __init__(self, name: str | None = None, broker: Broker | Face[Any] | None = None) -> None:
        super().__init__(AsyncWorker(name, engine_of(broker)))


__all__ = ["AsyncWorker", "SyncThreadWorker"]

if not TYPE_CHECKING:  # type checkers must not see it: they would believe every misspelt name
    __getattr__ = _migration.getter(__name__)
