"""What happens in an app at this moment, as all its processes see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qtasks.app import QueueTasks
    from qtasks.manage import QueueState
    from qtasks.models import Counts, WorkerInfo


@dataclass(frozen=True, slots=True)
class Now:
    """The live numbers of an app, asked one after the other."""

    counts: Counts
    """How many records there are, by status."""
    queues: list[QueueState]
    """What each queue holds, by name."""
    workers: list[WorkerInfo]
    """The workers that are alive."""


async def look(app: QueueTasks) -> Now:
    """Ask the backend.

    Raises:
        BackendUnavailable: It cannot be reached now.
    """
    return Now(await app.counts(), await app.queues.info(), await app.workers())
