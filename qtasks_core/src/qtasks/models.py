"""The values that travel between the core and a backend.

They are structs, compared by value and never changed. Times are seconds since
the epoch (wall clock) unless a name says otherwise.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec

from qtasks.status import TaskStatus


class Token(NamedTuple):
    """What fences a delivery: of two tokens of one task the greater one is younger.

    `delivery` counts every delivery in the life of the task and is never reset, so it
    alone decides between two tokens; `epoch` and `attempt` say what the delivery is for.
    """

    epoch: int
    """1, and one more after each explicit requeue."""
    attempt: int
    """The run that this delivery is for: 1, and one more after each run that had an outcome."""
    delivery: int


class Message(msgspec.Struct, frozen=True):
    """A task on its way into a backend."""

    id: str
    task: str
    queue: str
    priority: int
    body: bytes
    """The envelope, as `docs/message-format.md` describes it. A backend never looks into it."""
    created_at: float
    due: float | None = None
    """When it becomes ready; None is now."""
    expires_at: float | None = None
    """When it must not be started any more."""
    token: Token = Token(1, 1, 0)
    """What its first delivery counts on from; other than the default after a requeue."""


class Delivery(msgspec.Struct, frozen=True):
    """A message in the hands of a worker, under a lease."""

    id: str
    task: str
    queue: str
    priority: int
    body: bytes
    token: Token
    created_at: float
    since: float
    """When it first became ready in this epoch."""
    expires_at: float | None = None
    losses: int = 0
    """Deliveries of this attempt that ended with neither an outcome nor a give-back."""
    turns: int = 0
    """Times it was given back because the worker did not know the name."""


class Outcome(msgspec.Struct, frozen=True):
    """How a delivery ended."""

    id: str
    token: Token
    status: TaskStatus
    """A final one, or `retry`."""
    finished_at: float
    started_at: float | None = None
    """None where the body never started."""
    result: bytes | None = None
    error: bytes | None = None
    """An encoded `Failure`."""
    reason: str | None = None
    """Why it is `cancel` or `dead`, in words for people."""
    due: float | None = None
    """With `retry`: when the next attempt becomes ready."""
    remove_at: float | None = None
    """When the record may be removed; None is never."""


class Settled(StrEnum):
    """What became of an outcome."""

    RECORDED = "recorded"
    STALE = "stale"
    """A younger delivery is known, or the task is final or gone: the outcome was discarded."""


class GiveBackReason(StrEnum):
    """Why a delivery goes back without an outcome."""

    STOPPED = "stopped"
    """The worker stops. Counts for nothing."""
    UNKNOWN = "unknown"
    """The worker does not know the name. Adds one to `turns`."""
    APART = "apart"
    """It is kept apart from another one that may kill the worker. Counts for nothing."""
    FAULT = "fault"
    """Something between fetch and body failed. Adds one to `losses`."""


class GiveBack(msgspec.Struct, frozen=True):
    """A delivery that goes back to the queue without an outcome."""

    id: str
    token: Token
    reason: GiveBackReason
    delay: float = 0.0
    """Seconds until it is ready again."""


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """An exception, in words that any process and any language can read."""

    type: str
    """Module and qualified name."""
    message: str
    traceback: str = ""


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a record's history: a delivery that ended without the final outcome."""

    token: Token
    end: str
    """`lost`, `retry`, `requeued`, or the reason of a give-back."""
    at: float
    worker: str | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What the storage keeps of one task, whatever its retries."""

    id: str
    task: str
    queue: str
    priority: int
    status: TaskStatus
    body: bytes
    created_at: float
    updated_at: float
    due: float | None = None
    expires_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    token: Token = Token(1, 1, 0)
    """The last delivery that is known; `delivery` 0 says that there was none yet."""
    attempts: int = 0
    """Runs that had an outcome, in this epoch."""
    losses: int = 0
    turns: int = 0
    worker: str | None = None
    """Who holds it, or held it last."""
    result: bytes | None = None
    error: bytes | None = None
    reason: str | None = None
    history: tuple[Event, ...] = ()


class WorkerInfo(msgspec.Struct, frozen=True):
    """One worker process, as the registry knows it."""

    id: str
    host: str
    pid: int
    boot: str
    """Identity of the running system and process namespace: `pid` means nothing outside it."""
    pid_started: str
    """Tells two processes apart that had the same pid one after the other."""
    queues: tuple[str, ...]
    slots: int
    started_at: float


class Counts(msgspec.Struct, frozen=True):
    """How many records there are, by status."""

    by_status: dict[TaskStatus, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_status.values())

    def __getitem__(self, status: TaskStatus) -> int:
        return self.by_status.get(status, 0)
