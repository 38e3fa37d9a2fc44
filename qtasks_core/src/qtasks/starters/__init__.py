"""Starters: the life cycle of a worker process."""

from typing import TYPE_CHECKING, Any

from qtasks import _migration
from qtasks.faces import Face, engine_of
from qtasks.starter import AsyncStarter


class SyncStarter(Face[AsyncStarter]):
    """A starter for a blocking app: `app.run_forever(starter=…)`."""

    def __init__(self, name: str | None = None, worker: Any = None, broker: Any = None) -> None:
        super().__init__(AsyncStarter(name, engine_of(worker), engine_of(broker)))


__all__ = ["AsyncStarter", "SyncStarter"]

if not TYPE_CHECKING:  # type checkers must not see it: they would believe every misspelt name
    __getattr__ = _migration.getter(__name__)
