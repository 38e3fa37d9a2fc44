"""One delivery in the hands of a worker, from its slot to its end."""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from qtasks.models import Delivery

if TYPE_CHECKING:
    from qtasks.registry import TaskDefinition
    from qtasks.worker.hiding import Secrets


class Cause(Enum):
    """Why the worker interrupts a body."""

    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    """Somebody wished it."""
    LOST = "lost"
    STOPPED = "stopped"


class Job(Protocol):
    """A body that runs elsewhere than in the loop."""

    @property
    def future(self) -> asyncio.Future[Any]:
        """Done when the body has ended."""
        ...

    @property
    def runs_out(self) -> bool:
        """Whether it is left alone once nobody wants its outcome any more."""
        ...

    def interrupt(self, kind: type[BaseException]) -> None:
        """End it, by raising `kind` in it where that is possible."""
        ...


class Run:
    """A delivery that is being run. It leaves its slot exactly once."""

    __slots__ = (
        "cause",
        "definition",
        "delivery",
        "extra",
        "has_permit",
        "has_reported",
        "is_closing",
        "items",
        "job",
        "left",
        "reason",
        "result_ttl",
        "secrets",
        "started_at",
        "task",
        "timer",
    )

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.definition: TaskDefinition | None = None
        """None until the name is known to be one of ours."""
        self.task: asyncio.Task[None] | None = None
        self.job: Job | None = None
        self.cause: Cause | None = None
        self.reason = ""
        """Why it was cancelled."""
        self.result_ttl: float | None = None
        """Seconds that its record stays, where the call has said it."""
        self.timer: asyncio.TimerHandle | None = None
        self.started_at: float | None = None
        self.extra: dict[str, Any] | None = None
        """The extra keywords of the task as plugins have left them; None is as registered."""
        self.secrets: Secrets | None = None
        """What must not be shown of it; None is nothing."""
        self.has_permit = False
        """Whether a limit counts it."""
        self.has_reported = False
        """Whether its body has said something of itself."""
        self.is_closing = False
        """Whether its end is decided, and is being made known: a wish comes too late."""
        self.items = 0
        """How many values it has yielded that are written."""
        self.left = False

    def is_overdue(self, now: float) -> bool:
        """Whether its time is up at this moment of the loop, which was too busy to end it."""
        return self.cause is None and self.timer is not None and now >= self.timer.when()

    def disarm(self) -> None:
        """The body has ended: its time is not up any more, however long hooks take."""
        if self.timer is not None:
            self.timer.cancel()
