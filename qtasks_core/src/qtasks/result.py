"""One task, as its caller holds it: what is known of it, and waiting for its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any, Generic, Protocol, overload
from uuid import UUID

from typing_extensions import TypeVar

from qtasks.errors import (
    QTasksError,
    ResultGone,
    ResultTimeout,
    TaskCancelled,
    TaskDead,
    TaskFailed,
    TaskNotFound,
)
from qtasks.models import Cancelled, Failure, Items, Record, Token
from qtasks.options import check_timeout
from qtasks.serialization import (
    Signature,
    decode_envelope,
    decode_failure,
    decode_value,
    shown_arguments,
)
from qtasks.status import FINAL, TaskStatus

R = TypeVar("R", default=Any)
I = TypeVar("I")  # noqa: E741 - an item


class Source(Protocol):
    """Where a handle asks for its task."""

    @property
    def home(self) -> asyncio.AbstractEventLoop | None:
        """The loop that the app is connected in."""
        ...

    async def read(self, task_id: str) -> Record | None:
        """Return the record as it is now."""
        ...

    async def wait_for(self, task_id: str, until: AbstractSet[TaskStatus] | None) -> Record | None:
        """Return the record once it is in a status of `until`; None is what the settings say."""
        ...

    async def cancel(self, uuid: str | UUID, reason: str = "") -> Cancelled:
        """Cancel a task."""
        ...

    async def listen(self, task_id: str, delivery: int, number: int) -> Items:
        """Return what the task has yielded beyond this item."""
        ...

    def signature_of(self, task_name: str) -> Signature | None:
        """Return the signature where the task is registered here."""
        ...


class TaskView(Generic[R]):
    """What is known of a task. It does not change: `wait`, `refresh` and `app.get` give new ones."""

    __slots__ = ("_arguments", "_record", "_source")

    def __init__(self, source: Source, record: Record) -> None:
        self._source = source
        self._record = record
        self._arguments: tuple[list[Any], dict[str, Any]] | None = None

    @property
    def source(self) -> Source:
        """Where this task is asked for: its app."""
        return self._source

    @property
    def home(self) -> asyncio.AbstractEventLoop | None:
        """The loop that its app is connected in."""
        return self._source.home

    @property
    def record(self) -> Record:
        """The record as the storage keeps it."""
        return self._record

    @property
    def id(self) -> str:
        """The id, in the canonical form of a UUID."""
        return self._record.id

    @property
    def uuid(self) -> UUID:
        """The id as a UUID."""
        return UUID(self._record.id)

    @property
    def status(self) -> TaskStatus:
        """Where it is in its life; `TaskStatus` members are strings."""
        return self._record.status

    @property
    def task_name(self) -> str:
        """The name that the task is registered under."""
        return self._record.task

    @property
    def queue(self) -> str:
        """The queue that it was sent to."""
        return self._record.queue

    @property
    def priority(self) -> int:
        """0 … 9, higher is more urgent."""
        return self._record.priority

    @property
    def args(self) -> list[Any]:
        """The positional arguments as they were sent; `***` in place of secret ones."""
        return self._sent()[0]

    @property
    def kwargs(self) -> Mapping[str, Any]:
        """The keyword arguments as they were sent; `***` in place of secret ones."""
        return self._sent()[1]

    @property
    def returning(self) -> R | None:
        """What the body returned, or None where it has not succeeded."""
        if self._record.result is None:
            return None
        signature = self._source.signature_of(self._record.task)
        decode = decode_value if signature is None else signature.decode_result
        value: R = decode(self._record.result)
        return value

    @property
    def failure(self) -> Failure | None:
        """The last exception in words: type, message and traceback."""
        return None if self._record.error is None else decode_failure(self._record.error)

    @property
    def error(self) -> str | None:
        """The last exception in one line."""
        failure = self.failure
        return None if failure is None else f"{failure.type}: {failure.message}"

    @property
    def traceback(self) -> str | None:
        """The traceback of the last exception, as text."""
        failure = self.failure
        return None if failure is None else failure.traceback

    @property
    def reason(self) -> str | None:
        """Why it is `cancel` or `dead`, in words."""
        return self._record.reason

    @property
    def attempts(self) -> int:
        """Runs that had an outcome."""
        return self._record.attempts

    @property
    def losses(self) -> int:
        """Deliveries of the present attempt whose worker was lost."""
        return self._record.losses

    @property
    def token(self) -> Token:
        """The last delivery that is known."""
        return self._record.token

    @property
    def created_at(self) -> datetime:
        """When it was accepted, in UTC."""
        return datetime.fromtimestamp(self._record.created_at, UTC)

    @property
    def updated_at(self) -> datetime:
        """When its record last changed, in UTC."""
        return datetime.fromtimestamp(self._record.updated_at, UTC)

    @property
    def due(self) -> datetime | None:
        """When it becomes ready, while it is `delayed` or `retry`."""
        return _moment(self._record.due)

    @property
    def started_at(self) -> datetime | None:
        """When the body of the last run began, once that run has an outcome."""
        return _moment(self._record.started_at)

    @property
    def finished_at(self) -> datetime | None:
        """When it ended."""
        return _moment(self._record.finished_at)

    @property
    def progress(self) -> float | None:
        """What the body has said last of its progress: 0 … 1."""
        return self._record.progress

    @property
    def note(self) -> str | None:
        """The words that it has said with it."""
        return self._record.note

    @property
    def cancel_wished(self) -> str | None:
        """Why its cancellation was wished, while it is in the hands of a worker; None where it was not."""
        return self._record.cancel

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self._record.status in FINAL

    def value(self) -> R:
        """Return what the body returned.

        Raises:
            TaskFailed: It ended in `error`; the text holds the remote traceback.
            TaskCancelled: It ended in `cancel`.
            TaskDead: It ended in `dead`.
            ResultTimeout: It has not ended yet.
        """
        status = self._record.status
        if status is TaskStatus.SUCCESS:
            return self.returning  # type: ignore[return-value]
        raise self._why_no_value(status)

    def _why_no_value(self, status: TaskStatus) -> QTasksError:
        title = f"{self.task_name} ({self.id})"
        if status is TaskStatus.ERROR:
            failure = self.failure or Failure("unknown", "no error was recorded")
            text = f"{title} failed with {failure.type}: {failure.message}"
            return TaskFailed(f"{text}\n\n{failure.traceback}".rstrip(), self, failure)
        if status is TaskStatus.CANCEL:
            return TaskCancelled(f"{title} was cancelled: {self.reason or 'no reason given'}", self)
        if status is TaskStatus.DEAD:
            return TaskDead(f"{title} was given up: {self.reason or 'no reason recorded'}", self)
        return ResultTimeout(f"{title} has not ended yet: it is {status}", self)

    def _sent(self) -> tuple[list[Any], dict[str, Any]]:
        if self._arguments is None:
            signature = self._source.signature_of(self._record.task)
            self._arguments = shown_arguments(decode_envelope(self._record.body), signature)
        return self._arguments

    def __repr__(self) -> str:
        return f"<Task {self.task_name} {self.id} {self.status}>"


class Task(TaskView[R]):
    """A task in the hands of an asynchronous caller."""

    __slots__ = ()

    async def refresh(self) -> Task[R]:
        """Return the task as it is now.

        Raises:
            ResultGone: Its record has expired or was removed.
        """
        return type(self)(self._source, _present(self, await self._source.read(self.id)))

    async def wait(
        self, timeout: float | None = None, *, until: AbstractSet[TaskStatus] | None = None
    ) -> Task[R]:
        """Return the finished task; it is pushed, so it comes at once when the task ends.

        Args:
            timeout: Seconds, or None for as long as it takes.
            until: Final statuses that end the wait; the default is `config.result_statuses_end`.

        Raises:
            ResultTimeout: It has not ended in time. It goes on; the error carries the task.
            ResultGone: Its record has expired or was removed.
        """
        check_timeout(timeout)
        try:
            async with asyncio.timeout(timeout):
                record = await self._source.wait_for(self.id, until)
        except TimeoutError as exc:
            raise ResultTimeout(
                f"{self.task_name} ({self.id}) has not ended within {timeout} s", self
            ) from exc
        return type(self)(self._source, _present(self, record))

    async def cancel(self, reason: str = "") -> Cancelled:
        """Cancel the task; see `app.cancel`."""
        return await self._source.cancel(self.id, reason)

    @overload
    def stream(self: Task[list[I]]) -> AsyncIterator[I]: ...

    @overload
    def stream(self) -> AsyncIterator[Any]: ...

    async def stream(self) -> AsyncIterator[Any]:
        """Give each value that a generator task yields as it comes, from the first one on.

        A run that fails and is tried again begins anew. A task that is no generator gives the items of
        the list that it returns.

        Raises:
            ResultGone: Its record has expired or was removed.
            TaskFailed: It ended in `error`, after the values that came before.
            TaskCancelled: It ended in `cancel`.
            TaskDead: It ended in `dead`.
        """
        delivery = number = 0
        while True:
            news = await self._source.listen(self.id, delivery, number)
            if news.items:
                delivery, number = news.delivery, news.first
                for data in news.items:
                    number += 1
                    yield decode_value(data)
            elif (record := news.record) is None or record.status in FINAL:
                break
        view = type(self)(self._source, _present(self, record))
        value: Any = view.value()
        if (not number or view.token.delivery != delivery) and isinstance(value, list):
            for item in value:  # nothing of this run was heard: it came too late, or is no generator
                yield item

    async def result(self, timeout: float | None = None) -> R:
        """Return what the body returned, once it has.

        Raises:
            ResultTimeout: It has not ended in time.
            ResultGone: Its record has expired or was removed.
            TaskFailed: It ended in `error`; the text holds the remote traceback.
            TaskCancelled: It ended in `cancel`.
            TaskDead: It ended in `dead`.
        """
        return (await self.wait(timeout)).value()


def _present(task: TaskView[Any], record: Record | None) -> Record:
    if record is None:
        raise ResultGone(f"the record of {task.task_name} ({task.id}) has expired or was removed", task)
    return record


def found(task_id: str, record: Record | None) -> Record:
    """Return the record of an id that a user asked for.

    Raises:
        TaskNotFound: There is none.
    """
    if record is None:
        raise TaskNotFound(
            f"nobody knows a task with id {task_id}: never accepted, or its record has expired"
        )
    return record


def _moment(value: float | None) -> datetime | None:
    return None if value is None else datetime.fromtimestamp(value, UTC)
