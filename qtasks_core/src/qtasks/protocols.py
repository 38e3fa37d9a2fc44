"""What the core needs from its parts. A third party satisfies these without importing QTasks.

Every boundary carries batches. A backend only keeps tasks: it decides nothing about retries,
poison or hooks, which belong to the core. `docs/architecture.md` draws who calls what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Protocol

from qtasks.clock import Clock
from qtasks.models import (
    Counts,
    Delivery,
    GiveBack,
    Message,
    Outcome,
    Record,
    Settled,
    Token,
    WorkerInfo,
)
from qtasks.status import TaskStatus

if TYPE_CHECKING:
    from logging import Logger

    from qtasks.backends import Limits
    from qtasks.config import QueueConfig

__all__ = [
    "Broker",
    "Clock",
    "Component",
    "Consumer",
    "GlobalConfig",
    "Keeper",
    "Serializer",
    "Setup",
    "Starter",
    "Storage",
    "Worker",
]


class Setup(Protocol):
    """What an app hands to each of its components at start."""

    @property
    def name(self) -> str:
        """Name of the app; tasks of different names never meet."""
        ...

    @property
    def config(self) -> QueueConfig:
        """The settings of the app, the same object for all components."""
        ...

    @property
    def clock(self) -> Clock:
        """Where the component takes the time from."""
        ...

    @property
    def log(self) -> Logger:
        """The logger of the app."""
        ...


class Component(Protocol):
    """A part with a life: made without a loop, bound to the running one by `start`."""

    @property
    def name(self) -> str | None:
        """The app's name if it was given explicitly."""
        ...

    async def start(self, setup: Setup) -> None:
        """Connect, and create in the backend what is missing. A second start is no error.

        Raises:
            BackendUnavailable: It cannot be reached now.
            BackendMismatch: What is there belongs to another program or a newer version.
        """
        ...

    async def stop(self) -> None:
        """Finish what was asked, then let go of every connection, thread and file.

        Calls that had not begun raise BackendUnavailable. Without a start it does nothing.
        """
        ...


class GlobalConfig(Component, Protocol):
    """Small facts that all processes of an app share, and the registry of its workers."""

    async def set(self, name: str, key: str, value: Any) -> None:
        """Keep a JSON value under `key` of the group `name`."""
        ...

    async def get(self, key: str, name: str) -> Any:
        """Return the value, or None."""
        ...

    async def get_all(self, key: str) -> Mapping[str, Any]:
        """Return the whole group that is called `key`."""
        ...

    async def announce(self, worker: WorkerInfo, ttl: float) -> None:
        """Make the worker known for `ttl` seconds, or for that much longer."""
        ...

    async def withdraw(self, worker_id: str) -> None:
        """Forget the worker."""
        ...

    async def workers(self) -> Sequence[WorkerInfo]:
        """Return the workers whose announcement has not run out."""
        ...

    async def flush(self) -> None:
        """Remove everything of this app, and nothing of another."""
        ...


class Storage(Component, Protocol):
    """The record of each task, and who waits for it."""

    @property
    def global_config(self) -> GlobalConfig:
        """The shared facts beside the records."""
        ...

    def joins(self, broker: Broker) -> bool:
        """Whether `broker` writes these very records, in one step with its queue.

        True when both are of one backend, one URL and one app. Then `publish` and `settle` of the
        broker are enough. Otherwise the core writes the record first: `add`, `begin` and `finish`.
        """
        ...

    async def add(self, messages: Sequence[Message]) -> None:
        """Write the records `new` or `delayed`. A message whose id is known changes nothing."""
        ...

    async def begin(self, deliveries: Sequence[Delivery], worker_id: str) -> Sequence[bool]:
        """Make the tokens known: from now on an outcome with a lower one is stale.

        False for a delivery whose attempt has an outcome already, or whose record is gone (a crash came
        between the record and the acknowledgement, and the core only acknowledges it), and for one that
        is older than the delivery that is known.
        """
        ...

    async def finish(self, outcomes: Sequence[Outcome]) -> Sequence[Settled]:
        """Record the outcomes, each fenced by its token, and wake who waits.

        A repeated outcome with the token that has recorded it answers `recorded` again.
        """
        ...

    async def give_back(self, returned: Sequence[GiveBack]) -> None:
        """Record that these deliveries are waiting again."""
        ...

    async def get(self, ids: Sequence[str]) -> Sequence[Record | None]:
        """Return the records in the order of `ids`; None where there is none."""
        ...

    async def wait(self, task_id: str, until: AbstractSet[TaskStatus]) -> Record | None:
        """Return the record as soon as its status is in `until`, pushed rather than polled.

        Answers at once when it is there already. None: there is no such record, or no more.
        """
        ...

    async def requeue(self, ids: Sequence[str]) -> Sequence[Message | None]:
        """Open a new epoch for final tasks, counters at zero, history kept.

        Returns for each a message to publish, whose `token` a broker counts on from,
        or None where the task is not final or not there. A storage that joins its broker has put
        it into the queue in the same step.
        """
        ...

    async def counts(self) -> Counts:
        """Count the records by status."""
        ...

    async def delete_finished(self) -> int:
        """Remove the records of final tasks and return how many. Others stay."""
        ...

    async def flush(self) -> None:
        """Remove everything of this app, and nothing of another."""
        ...


class Consumer(Protocol):
    """One worker's hold on the queues: what it fetches is leased to it until settled."""

    async def fetch(self, limit: int) -> Sequence[Delivery]:
        """Return up to `limit` deliveries as soon as one is ready; empty only after `close`.

        By priority, then by the moment of becoming ready. Also finds what lost workers left and
        what has become due. It is never cancelled: `close` ends it.
        """
        ...

    async def close(self) -> None:
        """End a waiting `fetch`, fetch no more, and give back what was not handed over yet.

        Deliveries that were handed over stay leased until they are settled or given back.
        """
        ...


class Keeper(Protocol):
    """Renews the leases of one worker, in blocking calls from a thread of its own.

    It has its own connection, so a body that blocks the loop for a minute stays leased.
    """

    def renew(self, held: Sequence[tuple[str, Token]]) -> Sequence[tuple[str, Token]]:
        """Renew the lease on all that is held; return those that belong to somebody else now.

        Raises:
            BackendUnavailable: Nothing could be renewed; try again soon.
        """
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class Broker(Component, Protocol):
    """Queues with priorities, delays and leases."""

    @property
    def storage(self) -> Storage:
        """Where the records are."""
        ...

    @property
    def limits(self) -> Limits:
        """The numbers in which backends differ."""
        ...

    async def publish(self, messages: Sequence[Message]) -> None:
        """Put messages into their queues, all or none; one whose id is known changes nothing.

        The first delivery of each has the next token after `message.token`.

        When it returns, they survive what `limits` promises. With a storage that joins, the
        records are written in the same step.

        Raises:
            BackendUnavailable: Nothing is promised; the same call is safe to repeat.
            BackendRefused: Nothing was accepted.
        """
        ...

    async def open_consumer(
        self, worker: WorkerInfo, queues: Sequence[str], *, take_over: bool = False
    ) -> Consumer:
        """Register the worker as a holder of leases and return its consumer.

        Args:
            worker: Who it is.
            queues: Which queues, the first one first where priorities are equal.
            take_over: Take over at once what workers left that are provably gone.
        """
        ...

    def keeper(self, worker: WorkerInfo) -> Keeper:
        """Return the renewer of this worker's leases. Called from the thread that will use it."""
        ...

    async def settle(self, outcomes: Sequence[Outcome]) -> Sequence[Settled]:
        """Take the deliveries out of the queue, or put them back where the outcome is `retry`.

        With a storage that joins, the outcomes are recorded in the same step and who waits is
        woken; `stale` says that the fence refused one. Otherwise the core has recorded them.
        """
        ...

    async def give_back(self, returned: Sequence[GiveBack]) -> None:
        """Return deliveries to their queue without an outcome; stale ones are ignored."""
        ...

    async def flush(self) -> None:
        """Remove everything of this app, and nothing of another."""
        ...


class Serializer(Protocol):
    """Bytes from values made of None, bool, int, float, str, list and dict, and back."""

    @property
    def content_type(self) -> str:
        """What the envelope says of the bytes, such as `json`."""
        ...

    def encode(self, value: Any) -> bytes:
        """Return the bytes.

        Raises:
            EncodeError: The value is none of these.
        """
        ...

    def decode(self, data: bytes) -> Any:
        """Return the value.

        Raises:
            DecodeError: These bytes are nothing of ours.
        """
        ...


class Worker(Protocol):
    """Fetches, runs and settles."""

    @property
    def broker(self) -> Broker:
        """Where the tasks come from."""
        ...

    async def start(self, setup: Setup) -> None:
        """Begin to fetch."""
        ...

    async def stop(self, grace: float | None = None) -> None:
        """Stop fetching, wait up to `grace` seconds for what runs, give back the rest."""
        ...


class Starter(Protocol):
    """The life cycle: starts config, storage, broker, worker in this order, stops in reverse."""

    async def run(self) -> None:
        """Start everything, wait until told to stop, stop everything."""
        ...

    def request_stop(self) -> None:
        """Ask `run` to end gracefully; a second time hurries."""
        ...
