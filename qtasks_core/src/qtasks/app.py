"""The asynchronous app: the only object that a user must make."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from qtasks import __version__
from qtasks.clock import SYSTEM_CLOCK, Clock
from qtasks.config import Acts, QueueConfig
from qtasks.dispatch import Dispatch
from qtasks.echo import running_task
from qtasks.errors import UsageError
from qtasks.executors import TaskMiddleware
from qtasks.faces import Face, engine_of
from qtasks.guards import check_part, checked_config, checked_log, refuse_worker
from qtasks.home import Home
from qtasks.isolation import module_holding
from qtasks.lifecycle import start_components, tell
from qtasks.logsetup import LevelClaim, set_up_log
from qtasks.names import check_app_name
from qtasks.parts import Parts
from qtasks.plugins.events import AppStopping
from qtasks.plugins.manager import PluginManager
from qtasks.producing import Producing
from qtasks.registering import Registering
from qtasks.registry import Registry
from qtasks.router import AsyncRouter
from qtasks.runtime import Runtime
from qtasks.serialization import use_serializer
from qtasks.shared import absorb

if TYPE_CHECKING:
    from types import TracebackType

    from qtasks.protocols import Broker, Starter
    from qtasks.worker.engine import AsyncWorker


class QueueTasks(Registering, Producing):
    """A set of tasks, and the backend that keeps them.

    Making one opens no file and no connection and needs no running loop. `async with app` connects;
    without it the first call does, and the end of the loop closes.

    Args:
        name: Tasks of apps with different names never meet, also on one backend.
        broker_url: Where the tasks are kept, such as `sqlite:///tasks.db`. Without it and without
            `broker`: `QTASKS_URL` from the environment, else `sqlite:///qtasks.db`.
        broker: A broker made by hand.
        worker: A worker made by hand; its broker is taken.
        log: The logger to write to. Then `run_forever` leaves the log to the program.
        config: Settings; each can be changed on `app.config` until it acts (`docs/config.md`).
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
        check_app_name(name)
        self.name = name
        self._config = checked_config(config)
        self.log = checked_log(log, name)
        self.given_log = log
        """The logger that was handed over; None where the app took its own."""
        check_part("clock", clock, "now", "boot")
        check_part("broker", engine_of(broker), "publish", "settle")
        check_part("worker", engine_of(worker), "start", "stop")
        self.clock = clock
        self.tasks = Registry()
        self.routers: list[AsyncRouter] = []
        self.middlewares_before: list[type[TaskMiddleware]] = []
        self.middlewares_after: list[type[TaskMiddleware]] = []
        self.starter: Starter | None = None
        self._plugins = PluginManager(self.log)
        self._plugins_wanted = plugins
        self._parts = Parts(name, broker_url, engine_of(broker), engine_of(worker))
        self._home = Home(name, self._open)
        self._server_level = LevelClaim(self.log, serves=True)
        self._client_level = LevelClaim(self.log, serves=False)
        absorb(self)

    # What the app is made of

    @property
    def version(self) -> str:
        """The version of QTasks."""
        return __version__

    @property
    def config(self) -> QueueConfig:
        """The settings. Others can be taken while the app is not connected.

        Raises:
            ConfigError: It is no QueueConfig.
            UsageError: The app is connected.
        """
        return self._config

    @config.setter
    def config(self, value: QueueConfig) -> None:
        """Take other settings."""
        runtime = self._home.runtime if self._home.loop is not None else None
        is_kept = value is self._config or (runtime is not None and value is runtime.config)
        if not is_kept and (runtime is not None or self.starter is not None):
            raise UsageError(
                f"the app {self.name!r} is connected, and keeps its settings: change them one by one"
                " (app.config.grace = 5), or disconnect it first"
            )
        self._config = checked_config(value)

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

    # Life

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

    async def run(self, starter: Starter | Face[Any] | None = None, *, signals: bool = True) -> None:
        """Work until told to stop, inside a running loop.

        Args:
            starter: One made by hand.
            signals: Whether SIGTERM and SIGINT stop it; False leaves them to the program around it. A starter
                made by hand says it itself.

        Raises:
            UsageError: The starter holds parts of another app, or the app works already.
        """
        from qtasks.starter import AsyncStarter  # a producer never needs it

        if self.starter is not None:
            raise UsageError(f"the app {self.name!r} works already; `await app.stop()` stops it")
        chosen = AsyncStarter(signals=signals) if starter is None else engine_of(starter)
        check_part("starter", chosen, "run", "request_stop")
        if (attach := getattr(chosen, "attach", None)) is not None:
            attach(self)
        self.starter = chosen
        try:
            with self._at_work(self._config):
                async with self._home.taken():
                    await chosen.run()
        finally:
            self.starter = None

    def run_forever(self, starter: Starter | Face[Any] | None = None, **unknown: Any) -> None:
        """Work until told to stop: SIGTERM or SIGINT stops gracefully, a second one hurries.

        A program that has not set up a log, and has given none to the app, meanwhile has that of the
        command `qtasks`: on standard error, as the settings `logs_…` say.

        Raises:
            UsageError: A loop is running already, or the command is importing this module.
        """
        if isinstance(starter, asyncio.AbstractEventLoop):  # it came first in version 1
            unknown["loop"] = starter
        refuse_worker(unknown)
        is_ours = self.given_log is None
        with set_up_log(self._config, serves=True) if is_ours else ExitStack():
            asyncio.run(self.run(starter))

    async def stop(self) -> None:
        """Stop the worker gracefully if the app works, and disconnect if it does not."""
        if (runtime := self._home.runtime) is not None:
            await tell(runtime.triggers.qtasks_stop, AppStopping, app=self, starter=self.starter)
        if self.starter is not None:
            self.starter.request_stop()
        else:
            await self.disconnect()

    async def _open(self) -> tuple[Runtime, AsyncExitStack]:
        self._parts.check()
        self._plugins.load(self._plugins_wanted)
        triggers = self._plugins.compile(self.config.hook_timeout)
        dispatch = Dispatch(self.broker, self.storage)
        runtime = Runtime(
            self.name,
            self.config,
            self.clock,
            self.log,
            self.tasks,
            triggers,
            dispatch,
            use_serializer(self.config.serializer),
            partial(running_task, self),
            (tuple(self.middlewares_before), tuple(self.middlewares_after)),
            partial(module_holding, self),
            self.url,
        )
        async with AsyncExitStack() as stack:
            stack.enter_context(self._connected(self._config, self._home))
            await stack.enter_async_context(_plugins_started(self._plugins))
            components = await start_components(runtime)
            stack.push_async_callback(components.aclose)
            self.log.debug("app %s is connected: %s", self.name, self.place)
            return runtime, stack.pop_all()

    @contextmanager
    def _connected(self, config: QueueConfig, home: Home) -> Iterator[None]:
        """Hold settings that were read by now. A loop that has ended holds nothing any more."""
        config.hold(home, Acts.CONNECTING, lambda: home.loop is not None)
        self._client_level.begin(config)
        try:
            yield
        finally:
            self._client_level.end()
            config.release(home)

    @contextmanager
    def _at_work(self, config: QueueConfig) -> Iterator[None]:
        """Hold settings that are read at the start of a worker; not in a process that is forked from it."""
        pid = os.getpid()
        config.hold(self, Acts.STARTING, lambda: os.getpid() == pid)
        self._server_level.begin(config)
        try:
            yield
        finally:
            self._server_level.end()
            config.release(self)


@asynccontextmanager
async def _plugins_started(plugins: PluginManager) -> AsyncIterator[None]:
    await plugins.start()
    try:
        yield
    finally:
        await plugins.stop()
