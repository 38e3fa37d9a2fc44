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


class UniqueKey(msgspec.Struct, frozen=True):
    """What keeps a second task away while a first one is there."""

    key: str
    states: frozenset[TaskStatus]
    """The first task keeps others away while it is in one of these."""
    since: float | None = None
    """It does so if it was created at this moment or later; None is always."""


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
    unique: UniqueKey | None = None

    def __repr__(self) -> str:
        return f"<Message {self.task} {self.id}>"  # the body may hold secrets


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
    cancel: str | None = None
    """Why its cancellation was asked for, while an earlier delivery of it was in hand."""

    def __repr__(self) -> str:
        return f"<Delivery {self.task} {self.id}>"  # the body may hold secrets


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

    def __repr__(self) -> str:
        return f"<Outcome {self.status.value} of {self.id}>"  # the result may be secret


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
    LIMITED = "limited"
    """Its rate or its concurrency is used up. Counts for nothing."""
    APART = "apart"
    """It is kept apart from another one that may kill the worker. Counts for nothing."""
    FAULT = "fault"
    """Something between fetch and body failed. Adds one to `losses`."""

    @property
    def folds(self) -> bool:
        """Whether of several in a row the history keeps the last alone: the task only waits for its turn."""
        return self in {GiveBackReason.LIMITED, GiveBackReason.APART}


class GiveBack(msgspec.Struct, frozen=True):
    """A delivery that goes back to the queue without an outcome."""

    id: str
    token: Token
    reason: GiveBackReason
    delay: float = 0.0
    """Seconds until it is ready again."""


class Cancel(msgspec.Struct, frozen=True):
    """A wish that a task be cancelled."""

    id: str
    reason: str
    remove_at: float | None = None
    """When the record may be removed, where this ends the task; None is never."""


class Cancelled(StrEnum):
    """What became of such a wish."""

    ENDED = "ended"
    """It was waiting, and is `cancel` now."""
    ASKED = "asked"
    """It is in the hands of a worker, which is told. The wish is kept: lost, it is not run again."""
    FINAL = "final"
    """It had ended before; nothing was changed."""
    UNKNOWN = "unknown"
    """There is no such record; nothing was noted for later."""


class Signal(msgspec.Struct, frozen=True):
    """Word to a worker that what it holds is to be cancelled."""

    id: str
    token: Token
    reason: str


class Report(msgspec.Struct, frozen=True):
    """What a body says of itself while it runs."""

    id: str
    token: Token
    progress: float | None = None
    """0 … 1; None leaves what was said before."""
    note: str | None = None
    items: tuple[bytes, ...] = ()
    """Encoded values that a generator has yielded, in their order."""
    first: int = 0
    """The number of the first of them within this delivery, counted from 0."""


class Items(msgspec.Struct, frozen=True):
    """What a listener has not seen yet of the values that a task yields."""

    record: Record | None
    """The task as it is now; None where its record is gone."""
    delivery: int = 0
    """The delivery that the items are of: a greater one than before begins anew."""
    first: int = 0
    """The number of the first item."""
    items: tuple[bytes, ...] = ()


class Query(msgspec.Struct, frozen=True):
    """Which records are wanted: the youngest first, by `created_at`, then by id."""

    statuses: frozenset[TaskStatus] | None = None
    """None is all of them."""
    queue: str | None = None
    task: str | None = None
    after: tuple[float, str] | None = None
    """`created_at` and id of the last record of the page before."""
    limit: int = 100


class QueueInfo(msgspec.Struct, frozen=True):
    """What a queue holds at this moment."""

    name: str
    ready: int
    delayed: int
    """Waiting for their moment, first or next."""
    running: int
    """In the hands of workers."""
    oldest: float | None = None
    """Since when the ready one waits that has waited longest."""


class Ask(msgspec.Struct, frozen=True):
    """May this delivery be run now, under a limit that all workers share?"""

    key: str
    """What is limited: the name of the task, and the key within it."""
    task_id: str
    worker: str
    """The id of the worker that asks; a permit ends with its announcement."""
    concurrency: int | None = None
    """So many may run at a time."""
    interval: float | None = None
    """So many seconds lie between two starts."""


class Answer(msgspec.Struct, frozen=True):
    """The answer to an `Ask`."""

    granted: bool
    wait: float = 0.0
    """Granted: seconds until the start that is reserved. Refused: seconds after which to ask again;
    0 where nobody knows."""


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
    """`lost`, `retry`, `requeued`, or the reason of a give-back.

    Of several give-backs in a row that are `limited`, or `apart`, only the last has a line: a task that
    waits for its turn must not lose what has happened to it before.
    """
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
    cancel: str | None = None
    """Why its cancellation was asked for, while it is in the hands of a worker."""
    progress: float | None = None
    """What the body said last of its progress: 0 … 1."""
    note: str | None = None
    unique: str | None = None
    """The key that keeps a second such task away."""
    history: tuple[Event, ...] = ()

    def __repr__(self) -> str:
        return f"<Record {self.task} {self.id} {self.status.value}>"  # body and result may hold secrets


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
    tasks: tuple[str, ...] = ()
    """The names that it knows."""


class Counts(msgspec.Struct, frozen=True):
    """How many records there are, by status."""

    by_status: dict[TaskStatus, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_status.values())

    def __getitem__(self, status: TaskStatus) -> int:
        return self.by_status.get(status, 0)
