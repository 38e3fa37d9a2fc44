"""`in_memory`: an app, made for any backend, keeps its tasks in this process for the time of a test."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Self, overload

from qtasks import app as engine
from qtasks._portal import call
from qtasks.errors import UsageError
from qtasks.faces import app_of
from qtasks.guards import in_loop
from qtasks.home import Home
from qtasks.parts import Parts
from qtasks.plugins.manager import PluginManager
from qtasks.producer import record_of
from qtasks.result import Task
from qtasks.shared import get_app, note_face
from qtasks.sync import QueueTasks as SyncApp
from qtasks.sync import Task as SyncTask
from qtasks.testing._drain import Drain
from qtasks.testing._recording import RecordingBroker, values_of
from qtasks.testing._worker import Errors
from qtasks.testing.clock import FakeClock
from qtasks.testing.enqueued import Expected, listing, name_of
from qtasks.testing.working import AsyncWorking, SyncWorking

if TYPE_CHECKING:
    from types import TracebackType

DEADLINE: Final = 10.0
"""Seconds, of the real time, that a `drain` may take where it does not say."""
_SWAPPED: Final = ("_parts", "_home", "_plugins", "_plugins_wanted", "clock", "config")
"""What of an app belongs to the place where it is."""


class Place:
    """An app in memory, and what its test can see of it.

    Args:
        app: The app, either face.
        clock: The clock of the app meanwhile.
        plugins: Whether the plugins of the app take part.
    """

    def __init__(self, app: Any, clock: FakeClock | None = None, *, plugins: bool = True) -> None:
        self.clock = FakeClock() if clock is None else clock
        self.broker = RecordingBroker()
        self.errors: Errors = {}
        """The last exception of each task, by its id."""
        self._face = app
        self._engine: engine.QueueTasks = app_of(app)
        self._plugins = plugins
        self._before: Mapping[str, Any] | None = None
        self._settings: Mapping[str, Any] = {}
        self._last: Any = None

    def enter(self) -> None:
        """Put the app here.

        Raises:
            UsageError: It works just now, or is here already.
        """
        app = self._engine
        if self._before is not None:
            raise UsageError(f"the app {app.name!r} is in this place already")
        if app.starter is not None:
            raise UsageError(f"the app {app.name!r} works just now; stop its worker before the test")
        self._before = {name: getattr(app, name) for name in _SWAPPED}
        self._settings = values_of(app.config)
        self._last = _last_app()
        new_home = Home(app.name, app._open)  # noqa: SLF001 - the one place that moves an app
        new = {"_parts": Parts(app.name, None, self.broker, None), "_home": new_home, "clock": self.clock}
        if not self._plugins:
            new |= {"_plugins": PluginManager(app.log), "_plugins_wanted": False}
        _set(app, new)
        note_face(self._face)

    def leave(self) -> None:
        """Put the app back to where it was, with the settings that it had.

        Raises:
            UsageError: It was put elsewhere meanwhile.
        """
        before, app = self._before, self._engine
        if before is None:
            return
        if app.broker is not self.broker:
            raise UsageError(f"the app {app.name!r} was put elsewhere meanwhile; leave the last place first")
        self._close()
        self._before = None
        _set(app, before)
        for field, value in self._settings.items():
            if getattr(app.config, field) != value:
                setattr(app.config, field, value)
        if self._last is not None:
            note_face(self._last)

    def assert_enqueued(
        self,
        task: object,
        /,
        *args: Any,
        count: int | None = 1,
        queue: str | None = None,
        delay: float | None = None,
        **kwargs: Any,
    ) -> None:
        """Fail unless the task was sent, so many times; also where it has run since.

        Args:
            task: The task or its name.
            args: Its first arguments; those that are not given may be anything.
            count: How often; None is at least once.
            queue: To which queue; None is any.
            delay: With a delay of so many seconds, within one second; 0 is none, None is any.
            kwargs: Its other arguments.

        Raises:
            AssertionError: It was not; the text lists what was sent.
            TaskArgumentError: The task has no such arguments.
        """
        __tracebackhide__ = True
        expected = self._expected(task, args, kwargs, queue, delay)
        found = sum(map(expected.matches, self.broker.sent))
        if found != count and (count is not None or not found):
            wanted = "at least once" if count is None else _times(count)
            self._fail(f"{expected} was enqueued {_times(found)}, expected {wanted}.")

    def assert_not_enqueued(
        self,
        task: object,
        /,
        *args: Any,
        queue: str | None = None,
        delay: float | None = None,
        **kwargs: Any,
    ) -> None:
        """Fail where the task was sent; see `assert_enqueued`.

        Raises:
            AssertionError: It was; the text lists what was sent.
            TaskArgumentError: The task has no such arguments.
        """
        __tracebackhide__ = True
        expected = self._expected(task, args, kwargs, queue, delay)
        if found := sum(map(expected.matches, self.broker.sent)):
            self._fail(f"{expected} was enqueued {_times(found)}, expected never.")

    def _expected(
        self,
        task: object,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        queue: str | None,
        delay: float | None,
    ) -> Expected:
        name = name_of(task)
        return Expected(app=self._engine, name=name, args=args, kwargs=kwargs, queue=queue, delay=delay)

    def _fail(self, text: str) -> None:
        __tracebackhide__ = True
        raise AssertionError(f"{text}\n{listing(self._engine, self.broker.sent)}")

    def _sent(self) -> list[Task[Any]]:
        return [Task(self._engine, record_of(message)) for message in self.broker.sent]

    def _drain(self, *, delayed: bool, raise_errors: bool) -> Drain:
        return Drain(
            self._engine, self.broker, self.clock, self.errors, delayed=delayed, raise_errors=raise_errors
        )

    def _close(self) -> None:
        """Stop the parts in the loop where they were started, unless that has ended."""
        loop = self.broker.loop
        if loop is None or loop.is_closed():
            return
        if not loop.is_running():
            loop.run_until_complete(self._engine.disconnect())
        elif not in_loop():
            asyncio.run_coroutine_threadsafe(self._engine.disconnect(), loop).result(DEADLINE)


class AsyncPlace(Place):
    """An asynchronous app in memory: `async with` it, or `with` where no loop is running."""

    @property
    def app(self) -> engine.QueueTasks:
        """The app."""
        return self._engine

    @property
    def enqueued(self) -> list[Task[Any]]:
        """What was sent, in its order, as it was then."""
        return self._sent()

    async def drain(
        self, *, delayed: bool = False, raise_errors: bool = True, timeout: float = DEADLINE
    ) -> list[Task[Any]]:
        """Run everything that is ready, one after the other, and return the tasks that have ended.

        Args:
            delayed: Run also what waits for a moment, by moving the clock to one after the other.
            raise_errors: Raise what the tasks have failed with that ended `error` or `dead`: the exception
                of the one, or all of them in an ExceptionGroup.
            timeout: Seconds of the real time.

        Raises:
            ResultTimeout: Something is left after `timeout` seconds.
            UsageError: A worker runs already.
            TaskError: Nobody knows the name of a task.
        """
        __tracebackhide__ = True
        return await self._drain(delayed=delayed, raise_errors=raise_errors).run(timeout)

    def worker(self) -> AsyncWorking:
        """Return a worker that works inside `async with`."""
        return AsyncWorking(self._engine, self.errors)

    def __enter__(self) -> Self:
        if in_loop():
            raise UsageError("a loop is running here: `async with in_memory(app)`")
        self.enter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    async def __aenter__(self) -> Self:
        self.enter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._engine.disconnect()
        self.leave()


class SyncPlace(Place):
    """A blocking app in memory: `with` it."""

    @property
    def app(self) -> SyncApp:
        """The app."""
        face: SyncApp = self._face
        return face

    @property
    def enqueued(self) -> list[SyncTask[Any]]:
        """What was sent, in its order, as it was then."""
        return [SyncTask(task) for task in self._sent()]

    def drain(
        self, *, delayed: bool = False, raise_errors: bool = True, timeout: float = DEADLINE
    ) -> list[SyncTask[Any]]:
        """Run everything that is ready; see `AsyncPlace.drain`."""
        __tracebackhide__ = True
        drain = self._drain(delayed=delayed, raise_errors=raise_errors)
        return [SyncTask(task) for task in call(lambda: self._engine.home, drain.run, timeout)]

    def worker(self) -> SyncWorking:
        """Return a worker that works inside `with`, in a thread of its own."""
        return SyncWorking(self._engine, self.errors)

    def __enter__(self) -> Self:
        self.enter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()


@overload
def in_memory(
    app: engine.QueueTasks, *, clock: FakeClock | None = ..., plugins: bool = ...
) -> AsyncPlace: ...


@overload
def in_memory(app: SyncApp, *, clock: FakeClock | None = ..., plugins: bool = ...) -> SyncPlace: ...


def in_memory(
    app: engine.QueueTasks | SyncApp, *, clock: FakeClock | None = None, plugins: bool = True
) -> AsyncPlace | SyncPlace:
    """Return a context in which the app keeps its tasks in memory, whatever it was made for.

    Its own backend is not opened. At the end the app is where it was, with the settings that it had.

    Args:
        app: The app, either face. Its task objects go with it.
        clock: The clock of the app meanwhile.
        plugins: Whether the plugins of the app take part.

    Raises:
        UsageError: It is no app.
    """
    if isinstance(app, SyncApp):
        return SyncPlace(app, clock, plugins=plugins)
    if isinstance(app, engine.QueueTasks):
        return AsyncPlace(app, clock, plugins=plugins)
    raise UsageError(f"give an app of QTasks, QueueTasks(…), not {app!r}")


def _set(app: engine.QueueTasks, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(app, name, value)


def _last_app() -> Any:
    try:
        return get_app()
    except UsageError:
        return None


def _times(number: int) -> str:
    return {0: "never", 1: "once"}.get(number, f"{number} times")
