"""One task in memory: its record, and where it is in the queues."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from msgspec import structs

from qtasks.memory._said import Said
from qtasks.models import Delivery, Event, GiveBack, GiveBackReason, Message, Outcome, Record, Report, Token
from qtasks.status import FINAL, TaskStatus

if TYPE_CHECKING:
    from qtasks.memory._leases import Holder


HISTORY_LIMIT: Final = 100
"""Events that a record keeps, the last ones."""

NONE_YET: Final = Token(1, 1, 0)
"""The token before the first delivery."""


class Spot(Enum):
    """Where a task is between publish and outcome."""

    OUT = auto()
    """In no queue: final, or only a record of a task that is queued elsewhere."""
    READY = auto()
    DUE = auto()
    HELD = auto()


@dataclass(slots=True, eq=False)
class Item:
    """A task, changed in place under the lock of its hub."""

    message: Message
    queued: bool
    """Whether this hub queues it; otherwise another broker does and this is its record."""
    status: TaskStatus
    updated_at: float
    token: Token = NONE_YET
    settled: Token | None = None
    """The token that has recorded an outcome last: its repetition changes nothing."""
    due: float | None = None
    since: float | None = None
    attempts: int = 0
    losses: int = 0
    turns: int = 0
    worker: str | None = None
    started_at: float | None = None
    finished_at: float | None = None
    result: bytes | None = None
    error: bytes | None = None
    reason: str | None = None
    remove_at: float | None = None
    history: tuple[Event, ...] = ()
    spot: Spot = Spot.OUT
    seq: int = 0
    """Its place in the order of becoming ready."""
    lined: int = 0
    """The place of its entry in the heap of its queue, which it may have left out of turn; 0 is none."""
    holder: Holder | None = None
    lost_by: str | None = None
    """The worker whose lease ran out, until the next delivery: it may still renew or settle."""
    cancel: str | None = None
    """Why its cancellation was asked for, until it ends."""
    said: Said | None = None
    """What its body has said; None until it says something."""

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self.status in FINAL

    def deliver(self, worker: str, now: float) -> Delivery:
        """Give it to a worker under the next token."""
        token = Token(self.token.epoch, self.attempts + 1, self.token.delivery + 1)
        self.begin(token, worker, now)
        message = self.message
        return Delivery(
            message.id,
            message.task,
            message.queue,
            message.priority,
            message.body,
            token,
            message.created_at,
            now if self.since is None else self.since,
            message.expires_at,
            self.losses,
            self.turns,
            self.cancel,
        )

    def begin(self, token: Token, worker: str, now: float) -> None:
        """Note that the delivery with this token is in the hands of a worker."""
        self.token, self.worker, self.updated_at = token, worker, now
        self.status, self.lost_by = TaskStatus.PROCESS, None

    def lose(self, now: float) -> None:
        """Count a delivery that ended with nothing. Its token stays good until the next one."""
        self._note("lost", now)
        self.status, self.lost_by = TaskStatus.NEW, self.worker
        self.losses += 1

    def adopt(self, now: float) -> None:
        """Take a loss back: its worker has come again before anybody else got the task."""
        self.history = self.history[:-1]
        self.losses -= 1
        self.status, self.lost_by, self.updated_at = TaskStatus.PROCESS, None, now

    def give_back(self, returned: GiveBack, now: float) -> None:
        """Count a delivery that came back without an outcome."""
        if returned.reason.folds and self.history and self.history[-1].end == returned.reason:
            self.history = self.history[:-1]
        self._note(returned.reason.value, now)
        later = returned.delay > 0
        self.status = TaskStatus.DELAYED if later else TaskStatus.NEW
        self.due = now + returned.delay if later else None
        self.turns += returned.reason is GiveBackReason.UNKNOWN
        self.losses += returned.reason is GiveBackReason.FAULT

    def settle(self, outcome: Outcome, now: float) -> None:
        """Write down how the delivery ended."""
        retry = outcome.status is TaskStatus.RETRY
        if retry:
            self._note("retry", now)
            self.losses, self.due = 0, outcome.due
        self.status, self.settled, self.updated_at, self.lost_by = outcome.status, outcome.token, now, None
        self.attempts += retry or outcome.started_at is not None
        self.started_at = outcome.started_at
        self.finished_at = None if retry else outcome.finished_at
        self.result, self.error, self.reason = outcome.result, outcome.error, outcome.reason
        self.remove_at = None if retry else outcome.remove_at
        if not retry:
            self.cancel = None

    def end(self, reason: str, remove_at: float | None, now: float) -> None:
        """Cancel it while it waits. That is no attempt, and no token has recorded it."""
        self.status, self.reason, self.remove_at = TaskStatus.CANCEL, reason, remove_at
        self.updated_at = self.finished_at = now
        self.result = self.error = self.lost_by = self.cancel = None

    def hear(self, report: Report, now: float) -> bool:
        """Take in what the body says of itself, and return whether it is that of the delivery in hand.

        A body whose lease has run out is heard until somebody else gets the task, like its outcome.
        """
        in_hand = self.status is TaskStatus.PROCESS or self.lost_by is not None
        if not in_hand or report.token != self.token:
            return False
        if self.said is None:
            self.said = Said()
        self.said.hear(report)
        self.updated_at = now
        return True

    def reopen(self, now: float) -> None:
        """Begin a new epoch with every counter at zero; the number of deliveries goes on."""
        self._note("requeued", now)
        self.token = Token(self.token.epoch + 1, 1, self.token.delivery)
        self.status, self.worker, self.settled = TaskStatus.NEW, None, None
        self.attempts = self.losses = self.turns = 0
        self.message = structs.replace(self.message, expires_at=None)  # that was for the epoch before
        self.due = self.since = self.started_at = self.finished_at = self.remove_at = None
        self.result = self.error = self.reason = self.cancel = self.said = None

    def _note(self, end: str, now: float) -> None:
        self.history = (*self.history, Event(self.token, end, now, self.worker))[-HISTORY_LIMIT:]
        self.updated_at = now

    def record(self) -> Record:
        """Return what the storage shows of it."""
        message = self.message
        return Record(
            id=message.id,
            task=message.task,
            queue=message.queue,
            priority=message.priority,
            status=self.status,
            body=message.body,
            created_at=message.created_at,
            updated_at=self.updated_at,
            due=self.due,
            expires_at=message.expires_at,
            started_at=self.started_at,
            finished_at=self.finished_at,
            token=self.token,
            attempts=self.attempts,
            losses=self.losses,
            turns=self.turns,
            worker=self.worker,
            result=self.result,
            error=self.error,
            reason=self.reason,
            cancel=self.cancel,
            progress=None if self.said is None else self.said.progress,
            note=None if self.said is None else self.said.note,
            unique=None if message.unique is None else message.unique.key,
            history=self.history,
        )
