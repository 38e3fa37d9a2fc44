"""What every part of an app has in common: what it gets at start, and its life."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from qtasks.clock import Clock

if TYPE_CHECKING:
    from logging import Logger

    from qtasks.config import QueueConfig


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
