"""The asynchronous app: the only object that a user must make."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, Self, overload
from uuid import UUID

from typing_extensions import ParamSpec, TypeVar

from qtasks.clock import SYSTEM_CLOCK, Clock
from qtasks.config import QueueConfig
from qtasks.dispatch import Dispatch
from qtasks.errors import UsageError
from qtasks.faces import Face, engine_of
from qtasks.guards import checked_name, refuse_worker
from qtasks.home import Home
from qtasks.ids import as_id
from qtasks.lifecycle import start_components, tell
from qtasks.options import NO_OPTIONS, CallOptions, check_timeout
from qtasks.parts import Parts
from qtasks.plugins.events import AppFlushed, AppPinged, AppStopping, TaskRead
from qtasks.plugins.manager import PluginManager
from qtasks.producer import Call, send
from qtasks.registry import Registry
from qtasks.result import Task, found
from qtasks.router import AsyncRouter, TaskDecorator, decorate
from qtasks.runtime import Runtime
from qtasks.status import FINAL, TaskStatus
from qtasks.task import AsyncTask, BoundCall

if TYPE_CHECKING:
    from types import TracebackType

    from qtasks.models import Counts, Record
    from qtasks.protocols import Broker, Starter, Storage
    from qtasks.serialization import Signature
    from qtasks.worker.engine import AsyncWorker

P = ParamSpec("P")
R = TypeVar("R")

BATCH = 500
"""Messages that one round trip of `add_tasks` carries."""


class QueueTasks:
    """A set of tasks, and the backend that keeps them.

    Making one opens no file and no connection and needs no running loop. `async with app` connects;
    without it the first call does, and the end of the loop closes.

    Args:
        name: Tasks of apps with different names never meet, also on one backend.
        broker_url: Where the tasks are kept, such as `sqlite:///tasks.db`. Without it and without
            `broker`: `QTASKS_URL` from the environment, else `sqlite:///qtasks.db`.
        broker: A broker made by hand.
        worker: A worker made by hand; its broker is taken.
        log: The logger to write to.
        config: Settings; they can be changed on `app.config` until the start.
        plugins: False loads no installed plugins; names load just these.

    Raises:
        BackendNotFound: No installed package provides the scheme; the text names the one to install.
        ConfigError: Parts that do not belong together.
    """

    def __init__(
        self,
        name: str = "QueueTasks",
        broker_url: str | None = None,
        broker: Broker | Face[Any] | None = None,
        worker: AsyncWorker | Face[Any] | None = None,
        log: logging.Logger | None = None,
        config: QueueConfig | None = None,
        *,
        plugins: bool | Sequence[str] = True,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.name = checked_name(name)
        self.config = QueueConfig() if config is None else config
        self.log = logging.getLogger(f"qtasks.{name}") if log is None else log
        self.clock = clock
        self.tasks = Registry()
        self.routers: list[AsyncRouter] = []
        self.starter: Starter | None = None
        self._plugins = PluginManager(self.log)
        self._plugins_wanted = plugins
        self._parts = Parts(name, broker_url, engine_of(broker), engine_of(worker))
        self._home = Home(name, self._open)

    # What the app is made of

    @property
    def url(self) -> str | None:
        """The URL that the broker is made from; None where it was made by hand."""
        return self._parts.url

    @property
    def place(self) -> str:
        """Where the tasks are kept, for people: never with a password."""
        return self._parts.place

    @property
    def broker(self) -> Broker:
        """The broker, made from the URL at first use."""
        return self._parts.broker

    @property
    def storage(self) -> Storage:
        """The storage of the broker."""
        return self._parts.broker.storage

    @property
    def worker(self) -> AsyncWorker:
        """The worker, made at first use."""
        return self._parts.worker

    def use_url(self, url: str) -> None:
        """Take this URL instead of the app's own: what `--url` of the command does.

        Raises:
            ConfigError: The broker was made by hand.
            UsageError: The app is connected.
        """
        if self._home.runtime is not None:
            raise UsageError("the app is connected already")
        self._parts.use_url(url)

    # Tasks

    @overload
    def task(
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> AsyncTask[P, Coroutine[Any, Any, R], R]: ...

    @overload
    def task(self, function: Callable[P, R], /) -> AsyncTask[P, R, R]: ...

    @overload
    def task(self, name: str | None = None, /, **options: Any) -> TaskDecorator: ...

    def task(self, function: Any = None, /, **options: Any) -> Any:
        """Register a function as a task: `@app.task`, or with options.

        The options are those of `docs/tasks.md`: name, queue, priority, max_time, retry,
        retry_on_exc, backoff, expires, result_ttl, tags, description. Any other keyword is kept in
        `extra` for plugins.

        Raises:
            TaskNameTaken: Another function has the name.
            ConfigError: An option has a wrong value, or a keyword is nearly an option.
        """
        return decorate(function, options, self.tasks, lambda: self)

    def include_router(self, router: AsyncRouter) -> None:
        """Take the tasks of a router.

        Raises:
            TaskNameTaken: One of them has a name that the app has already.
        """
        for definition in router.tasks.values():
            self.tasks.add(definition)
        router.bind(self)
        self.routers.append(router)

    def add_plugin(
        self, plugin: Any, trigger_names: Sequence[str] | None = None, component: str | None = None
    ) -> None:
        """Add a plugin; before the start.

        Args:
            plugin: A `Plugin`, any object or module with `@hookimpl` functions, or a `BasePlugin`.
            trigger_names: For a `BasePlugin`: which triggers; None or `["Globals"]` is all of them.
            component: For a `BasePlugin`: whose triggers; None is the app itself.

        Raises:
            UsageError: The app has started.
            PluginNotFound: There is no such trigger.
        """
        self._plugins.add(plugin, trigger_names=trigger_names, component=component)

    # Producing

    @overload
    async def add_task(self, task_name: BoundCall[R], /, *, timeout: float | None = ...) -> Task[R]: ...

    @overload
    async def add_task(
        self,
        task_name: str,
        /,
        *args: Any,
        priority: int | None = ...,
        timeout: float | None = ...,
        **kwargs: Any,
    ) -> Task[Any]: ...

    async def add_task(
        self,
        task_name: str | BoundCall[Any],
        /,
        *args: Any,
        priority: int | None = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Task[Any]:
        """Send a task by name, or a bound call; with `timeout`, also wait for its end.

        Raises:
            TaskArgumentError: The arguments do not fit, where the task is registered here.
            EncodeError: One of them cannot be sent.
            BackendError: It was not accepted.
            ResultTimeout: It was accepted and has not ended within `timeout` seconds.
        """
        if isinstance(task_name, Call):
            return await self.send_one(task_name, timeout)
        options = NO_OPTIONS if priority is None else CallOptions(priority=priority)
        return await self.send_one(Call(task_name, args, kwargs, options, self.tasks.get(task_name)), timeout)

    async def add_tasks(self, calls: Iterable[Call]) -> list[Task[Any]]:
        """Send bound calls in batches, one round trip each; each batch is accepted whole or not at all.

        Raises:
            BackendError: A batch was not accepted; those before it were.
        """
        runtime = await self._home.ready()
        remaining, tasks = iter(calls), list[Task[Any]]()
        while batch := list(islice(remaining, BATCH)):
            tasks += await send(self, runtime, batch)
        return tasks

    async def send_one(self, call: Call, timeout: float | None) -> Task[Any]:
        """Send one call; what tasks do in `add_task`."""
        check_timeout(timeout)
        task = (await send(self, await self._home.ready(), (call,)))[0]
        return task if timeout is None else await task.wait(timeout)

    async def get(self, uuid: str | UUID) -> Task[Any]:
        """Return a task by its id.

        Raises:
            TaskNotFound: Nobody knows it: never accepted, or its record has expired.
        """
        runtime, task_id = await self._home.ready(), as_id(uuid)
        task: Task[Any] = Task(self, found(task_id, await self.read(task_id)))
        if (hook := runtime.triggers.qtasks_get) is not None:
            event = await hook(TaskRead(app=self, broker=self.broker, task=task))
            task = event.task
        return task

    async def requeue(self, uuid: str | UUID) -> bool:
        """Run a final task again, with counters at zero and its history kept; False if it is not final."""
        runtime = await self._home.ready()
        return (await runtime.dispatch.requeue([as_id(uuid)]))[0]

    async def ping(self, *, server: bool = True) -> bool:
        """Whether at least one worker is alive; with `server=False`, whether the backend answers.

        Raises:
            BackendUnavailable: It does not.
        """
        runtime = await self._home.ready()
        config = self.storage.global_config
        await tell(runtime.triggers.qtasks_ping, AppPinged, app=self, global_config=config)
        workers = await config.workers()
        return bool(workers) or not server

    async def counts(self) -> Counts:
        """Count the records by status."""
        await self._home.ready()
        return await self.storage.counts()

    async def flush_all(self) -> None:
        """Remove every task, record and setting of this app, and nothing of another."""
        runtime = await self._home.ready()
        await self.broker.flush()
        if not runtime.dispatch.joined:
            await self.storage.flush()
        await self.storage.global_config.flush()
        await tell(runtime.triggers.qtasks_flush_all, AppFlushed, app=self, broker=self.broker)

    # Where a handle asks for its task

    async def read(self, task_id: str) -> Record | None:
        """Return the record of a task as it is now, or None."""
        await self._home.ready()
        return (await self.storage.get((task_id,)))[0]

    async def wait_for(self, task_id: str, until: AbstractSet[TaskStatus] | None) -> Record | None:
        """Return the record of a task once it is in a status of `until`, or final."""
        await self._home.ready()
        statuses = frozenset(map(TaskStatus, self.config.result_statuses_end)) if until is None else until
        return await self.storage.wait(task_id, FINAL | statuses)

    def signature_of(self, task_name: str) -> Signature | None:
        """Return the signature of a task that is registered here, or None."""
        definition = self.tasks.get(task_name)
        return None if definition is None else definition.signature

    # Life

    async def connect(self) -> Runtime:
        """Connect to the backend, at home in the running loop; a second call does nothing.

        Raises:
            UsageError: The app is at home in another loop that is running.
            BackendUnavailable: It cannot be reached now.
        """
        return await self._home.ready()

    async def disconnect(self) -> None:
        """Let go of every connection, thread and file; a later call connects again.

        Inside `async with app`, and while the app works, it does nothing: their end does it.
        """
        await self._home.leave()

    async def __aenter__(self) -> Self:
        await self._home.enter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._home.exit()

    async def run(self, starter: Starter | Face[Any] | None = None) -> None:
        """Work until told to stop, inside a running loop.

        Raises:
            UsageError: The starter holds parts of another app, or the app works already.
        """
        from qtasks.starter import AsyncStarter  # a producer never needs it

        if self.starter is not None:
            raise UsageError(f"the app {self.name!r} works already; `await app.stop()` stops it")
        chosen = AsyncStarter() if starter is None else engine_of(starter)
        if (attach := getattr(chosen, "attach", None)) is not None:
            attach(self)
        self.starter = chosen
        try:
            async with self._home.taken():
                await chosen.run()
        finally:
            self.starter = None

    def run_forever(self, starter: Starter | Face[Any] | None = None, **unknown: Any) -> None:
        """Work until told to stop: SIGTERM or SIGINT stops gracefully, a second one hurries.

        Raises:
            UsageError: A loop is running already, or the command is importing this module.
        """
        refuse_worker(unknown)
        asyncio.run(self.run(starter))

    async def stop(self) -> None:
        """Stop the worker gracefully if the app works, and disconnect if it does not."""
        if (runtime := self._home.runtime) is not None:
            await tell(runtime.triggers.qtasks_stop, AppStopping, app=self, starter=self.starter)
        if self.starter is not None:
            self.starter.request_stop()
        else:
            await self.disconnect()

    @property
    def home(self) -> asyncio.AbstractEventLoop | None:
        """The loop that the app is connected in, while that is running."""
        return self._home.loop

    async def _open(self) -> tuple[Runtime, AsyncExitStack]:
        self._parts.check()
        self._plugins.load(self._plugins_wanted)
        triggers = self._plugins.compile(self.config.hook_timeout)
        dispatch = Dispatch(self.broker, self.storage)
        runtime = Runtime(self.name, self.config, self.clock, self.log, self.tasks, triggers, dispatch)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(_plugins_started(self._plugins))
            components = await start_components(runtime)
            stack.push_async_callback(components.aclose)
            self.log.debug("app %s is connected: %s", self.name, self.place)
            return runtime, stack.pop_all()


@asynccontextmanager
async def _plugins_started(plugins: PluginManager) -> AsyncIterator[None]:
    await plugins.start()
    try:
        yield
    finally:
        await plugins.stop()
