"""Starters: the life cycle of a worker process."""

from typing import Any

from qtasks.faces import Face, engine_of
from qtasks.starter import AsyncStarter


class SyncStarter(Face[AsyncStarter]):
    """A starter for a blocking app: `app.run_forever(starter=…)`."""

    def __init__(self, name: str | None = None, worker: Any = None, broker: Any = None) -> None:
        super().__init__(AsyncStarter(name, engine_of(worker), engine_of(broker)))


__all__ = ["AsyncStarter", "SyncStarter"]
