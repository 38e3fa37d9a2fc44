"""`AsyncTestCase` and `SyncTestCase`: an app in memory as an object, for unittest and any other runner.

They run tasks without a server. What takes part says `TestConfig`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar
from uuid import UUID

from qtasks import app as engine
from qtasks.errors import ConfigError, UsageError
from qtasks.options import check_timeout
from qtasks.result import Task
from qtasks.sync import QueueTasks as SyncApp
from qtasks.sync import Task as SyncTask
from qtasks.testing.places import DEADLINE, AsyncPlace, Place, SyncPlace
from qtasks.testing.working import AsyncWorking, SyncWorking

if TYPE_CHECKING:
    from types import TracebackType

    from qtasks.testing.clock import FakeClock

P = TypeVar("P", bound=Place)


@dataclass(frozen=True, slots=True)
class TestConfig:
    """What takes part in a test; `full()` is everything.

    A worker with a broker needs both of storage and global_config. These belong together, and to a broker.

    Args:
        worker: Tasks are run. Without a broker each is run by its `add_task`.
        broker: Tasks are queued.
        storage: They can be asked for.
        global_config: What all processes share, such as paused queues.
        plugins: The plugins of the app.

    Raises:
        ConfigError: Parts that do not belong together.
    """

    __test__: ClassVar[bool] = False  # its name makes pytest think of a test class

    worker: bool = False
    broker: bool = False
    storage: bool = False
    global_config: bool = False
    plugins: bool = False

    def __post_init__(self) -> None:
        if not (self.worker or self.broker):
            raise ConfigError(
                "nothing takes part: a test needs a worker or a broker, TestConfig.full() is both"
            )
        if self.storage != self.global_config:
            raise ConfigError("storage and global_config take part together or not at all")
        if self.storage and not self.broker:
            raise ConfigError("a storage needs a broker: TestConfig.full_broker()")
        if self.worker and self.broker and not self.storage:
            raise ConfigError("a worker with a broker needs storage and global_config: TestConfig.full()")

    @classmethod
    def full(cls) -> TestConfig:
        """Everything: tasks are queued, and run by the worker once it is started."""
        return cls(worker=True, broker=True, storage=True, global_config=True, plugins=True)

    @classmethod
    def only_worker(cls, plugins: bool = False) -> TestConfig:
        """Without a queue: `add_task` runs the task and returns it finished."""
        return cls(worker=True, plugins=plugins)

    @classmethod
    def only_broker(cls, plugins: bool = False) -> TestConfig:
        """Tasks are queued, and that is all."""
        return cls(broker=True, plugins=plugins)

    @classmethod
    def full_broker(cls) -> TestConfig:
        """Tasks are queued and can be asked for; nothing runs them."""
        return cls(broker=True, storage=True, global_config=True, plugins=True)


class _Case(Generic[P]):
    """What both cases share.

    Args:
        app: The app that is tested. From now until `stop` it is in memory.
        name: Its name; only to be checked against it.
    """

    def __init__(self, app: Any, make: Callable[[bool], P], name: str | None) -> None:
        if name is not None and name != app.name:
            raise ConfigError(f"a test case with name={name!r} is given the app {app.name!r}")
        self.test_config = TestConfig.full()
        """What takes part."""
        self._make = make
        self._awaiting = False
        self._place: P | None = make(True)
        self._place.enter()

    def settings(self, test_config: TestConfig | None = None, awaiting: bool = False) -> None:
        """Say what takes part; the app is put into a fresh place.

        Args:
            test_config: What takes part; None leaves it as it is.
            awaiting: Whether `add_task` returns only when the task has ended.

        Raises:
            ConfigError: Nothing would run a task that is waited for.
            UsageError: The worker runs, or the case is stopped.
        """
        config = self.test_config if test_config is None else test_config
        if awaiting and not config.worker:
            raise ConfigError("awaiting=True needs a worker: TestConfig.full() or TestConfig.only_worker()")
        if self._is_running():
            raise UsageError("settings come before the start of the worker")
        place = self.place
        place.leave()
        self.test_config, self._awaiting = config, awaiting
        self._place = self._make(config.plugins)
        self._place.enter()

    @property
    def place(self) -> P:
        """The place of the app: what was sent, `drain`, `assert_enqueued`.

        Raises:
            UsageError: The case is stopped.
        """
        if self._place is None:
            raise UsageError("this test case is stopped; make another one")
        return self._place

    @property
    def clock(self) -> FakeClock:
        """The clock of the app."""
        return self.place.clock

    def _is_running(self) -> bool:
        raise NotImplementedError

    def _check_start(self) -> None:
        config = self.test_config
        if self._is_running():
            raise UsageError("the worker of this test case works already")
        if not config.worker:
            raise UsageError("no worker takes part in this test: settings(TestConfig.full())")
        if not config.broker:
            raise UsageError("without a broker add_task runs the task itself; there is nothing to start")

    def _check_get(self) -> None:
        _ = self.place  # refused once it is stopped
        if not self.test_config.storage:
            raise UsageError("no storage takes part in this test: settings(TestConfig.full())")

    def _seconds(self, timeout: float | None) -> float | None:
        """Return how long `add_task` waits for the end; None is not at all."""
        check_timeout(timeout)
        config = self.test_config
        if timeout is not None and not config.worker:
            raise UsageError("nothing runs tasks in this test, so none can be waited for with timeout=")
        if timeout is None and (self._awaiting or not config.broker):
            return DEADLINE
        return timeout


class AsyncTestCase(_Case[AsyncPlace]):
    """An asynchronous app in memory, for the time of a test. `async with` it, or `stop` it at the end.

    Args:
        app: The app that is tested. From now until `stop` it is in memory.
        name: Its name; only to be checked against it.

    Raises:
        ConfigError: It is a blocking app, or has another name.
    """

    def __init__(self, app: engine.QueueTasks, name: str | None = None) -> None:
        if not isinstance(app, engine.QueueTasks):
            raise ConfigError(f"AsyncTestCase needs an asynchronous app, not {app!r}; see SyncTestCase")
        self.app = app
        self._worker: AsyncWorking | None = None
        super().__init__(app, lambda plugins: AsyncPlace(app, plugins=plugins), name)

    async def add_task(
        self,
        task_name: str,
        *args: Any,
        priority: int | None = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Task[Any]:
        """Send a task by name.

        With `timeout`, with `awaiting` and without a broker the task has ended when this returns. Where the
        worker is not started it is run here, with all that is queued.

        Raises:
            ResultTimeout: It has not ended within `timeout` seconds.
            UsageError: `timeout` where nothing runs tasks.
        """
        seconds, place = self._seconds(timeout), self.place
        task = await self.app.add_task(task_name, *args, priority=priority, **kwargs)
        if seconds is None:
            return task
        if self._is_running():
            return await task.wait(seconds)
        ended = await place.drain(delayed=True, raise_errors=False, timeout=seconds)
        return next((one for one in ended if one.id == task.id), task)

    async def get(self, uuid: UUID | str) -> Task[Any]:
        """Return a task by its id.

        Raises:
            TaskNotFound: Nobody knows it.
            UsageError: No storage takes part.
        """
        self._check_get()
        return await self.app.get(uuid)

    async def start(self) -> None:
        """Start the worker in the running loop; returns when it works.

        Raises:
            UsageError: No worker takes part, or it works already.
        """
        self.start_in_background()
        assert self._worker is not None
        await self._worker.wait()

    def start_in_background(self) -> None:
        """Start the worker in the running loop, and do not wait until it works."""
        self._check_start()
        worker = self.place.worker()
        worker.begin()
        self._worker = worker

    async def stop(self) -> None:
        """Stop the worker, and put the app back to where it was. A second time does nothing.

        What ended the worker otherwise is raised.
        """
        place, self._place = self._place, None
        worker, self._worker = self._worker, None
        if place is None:
            return
        try:
            if worker is not None:
                await worker.end()
        finally:
            await place.__aexit__(None, None, None)

    def _is_running(self) -> bool:
        return self._worker is not None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


class SyncTestCase(_Case[SyncPlace]):
    """A blocking app in memory, for the time of a test. `with` it, or `stop` it at the end.

    Args:
        app: The app that is tested. From now until `stop` it is in memory.
        name: Its name; only to be checked against it.

    Raises:
        ConfigError: It is an asynchronous app, or has another name.
    """

    def __init__(self, app: SyncApp, name: str | None = None) -> None:
        if not isinstance(app, SyncApp):
            raise ConfigError(f"SyncTestCase needs a blocking app, not {app!r}; see AsyncTestCase")
        self.app = app
        self._worker: SyncWorking | None = None
        super().__init__(app, lambda plugins: SyncPlace(app, plugins=plugins), name)

    def add_task(
        self,
        task_name: str,
        *args: Any,
        priority: int | None = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> SyncTask[Any]:
        """Send a task by name; see `AsyncTestCase.add_task`."""
        seconds, place = self._seconds(timeout), self.place
        task = self.app.add_task(task_name, *args, priority=priority, **kwargs)
        if seconds is None:
            return task
        if self._is_running():
            return task.wait(seconds)
        ended = place.drain(delayed=True, raise_errors=False, timeout=seconds)
        return next((one for one in ended if one.id == task.id), task)

    def get(self, uuid: UUID | str) -> SyncTask[Any]:
        """Return a task by its id; see `AsyncTestCase.get`."""
        self._check_get()
        return self.app.get(uuid)

    def start(self) -> None:
        """Start the worker in a thread of its own; returns when it works.

        Raises:
            UsageError: No worker takes part, or it works already.
        """
        self.start_in_background()
        assert self._worker is not None
        self._worker.wait()

    def start_in_background(self) -> None:
        """Start the worker in a thread of its own, and do not wait until it works."""
        self._check_start()
        worker = self.place.worker()
        worker.begin()
        self._worker = worker

    def stop(self) -> None:
        """Stop the worker, and put the app back to where it was. A second time does nothing.

        What ended the worker otherwise is raised.
        """
        place, self._place = self._place, None
        worker, self._worker = self._worker, None
        if place is None:
            return
        try:
            if worker is not None:
                worker.end()
        finally:
            place.leave()

    def _is_running(self) -> bool:
        return self._worker is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
