"""How a component holds on to the engine that it shares with others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qtasks.errors import UsageError
from qtasks_sqlite import _errors
from qtasks_sqlite._url import Level, Location

if TYPE_CHECKING:
    from qtasks.clock import Clock
    from qtasks.config import QueueConfig
    from qtasks.protocols import Setup
    from qtasks_sqlite.database import Database


class Life:
    """From a start of a component to its stop, which ends whatever waits by it.

    The engine may live on: other components of the process use it.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._ends: set[Callable[[], None]] = set()
        self._is_over = False

    @contextmanager
    def telling(self, end: Callable[[], None]) -> Iterator[None]:
        """Call `end` if the component is stopped meanwhile."""
        self._ends.add(end)
        try:
            yield
        finally:
            self._ends.discard(end)

    def end(self) -> None:
        """Tell all."""
        self._is_over = True
        for end in tuple(self._ends):
            end()

    def check(self) -> None:
        """Raise where it is over.

        Raises:
            BackendUnavailable: The component was stopped.
        """
        if self._is_over:
            raise _errors.closed(self._path)


class Link:
    """Made with a component; holds an engine from its start to its stop.

    Args:
        location: Where the file is.
        what: What the component is called in errors.
    """

    def __init__(self, location: Location, what: str) -> None:
        self.location = location
        self._what = what
        self._setup: Setup | None = None
        self._database: Database | None = None
        self._life = Life(location.path)

    async def start(self, setup: Setup) -> None:
        """Enter the engine of the running loop; one of a loop that has ended is forgotten."""
        # The driver is loaded here: an app that is only imported does not need it.
        from qtasks_sqlite.database import Database

        held = self._database
        if held is None or held.closed.is_set() or held.loop is not asyncio.get_running_loop():
            self._database = await Database.enter(self.location.path)
            self._life = Life(self.location.path)
        self._setup = setup

    async def stop(self) -> None:
        """Leave the engine."""
        held, self._database = self._database, None
        self._setup = None
        if held is not None and held.loop is asyncio.get_running_loop():
            self._life.end()
            await held.leave()

    @property
    def database(self) -> Database:
        """The engine.

        Raises:
            UsageError: The component is not started.
        """
        if self._database is None:
            raise self._not_started()
        return self._database

    @property
    def life(self) -> Life:
        """What ends at the next stop."""
        return self._life

    @property
    def is_started(self) -> bool:
        """Whether there is an engine."""
        return self._database is not None

    @property
    def setup(self) -> Setup:
        """What the app has handed over at start."""
        if self._setup is None:
            raise self._not_started()
        return self._setup

    @property
    def app(self) -> str:
        """Name of the app."""
        return self.setup.name

    @property
    def config(self) -> QueueConfig:
        """The settings of the app."""
        return self.setup.config

    @property
    def clock(self) -> Clock:
        """Where the time comes from."""
        return self.setup.clock

    def boot(self) -> float:
        """Return the time on the clock that all processes of the machine share."""
        return self.database.boot(self.clock)

    @property
    def level(self) -> Level:
        """How far the commits of what must not be lost are forced."""
        return self.location.level

    @property
    def light_level(self) -> Level:
        """The same for what may be lost in a power failure: claims, leases, the registry."""
        return min(self.location.level, Level.NORMAL)

    def _not_started(self) -> UsageError:
        return UsageError(
            f"this {self._what} is not started: start the app, or await {self._what}.start(…), first"
        )
