"""Small facts that the components of an app share, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qtasks.clock import SYSTEM_CLOCK, Clock
from qtasks.errors import UsageError
from qtasks.memory._location import Location, locate
from qtasks.memory._notes import Notes
from qtasks.memory._wake import Sleeper, Sleepers
from qtasks.models import Answer, Ask, WorkerInfo
from qtasks.protocols import Setup


class AsyncMemoryGlobalConfig:
    """Settings and the registry of workers, inside this process.

    Args:
        url: `memory://` for a place of its own, `memory://name` for one that the process shares.
        name: Name of the app, where it must be a particular one.

    Raises:
        ConfigError: It is the URL of another backend.
    """

    def __init__(self, url: str | Location | None = None, *, name: str | None = None) -> None:
        self.location = locate(url)
        self._name = name
        self._clock: Clock = SYSTEM_CLOCK
        self._started: Notes | None = None
        self._sleepers = Sleepers(self.location.url)

    @property
    def name(self) -> str | None:
        """The app's name if it was given explicitly."""
        return self._name

    async def start(self, setup: Setup) -> None:
        """Find the facts of the app."""
        self._clock = setup.clock
        self._started = self.location.notes(setup.name)
        self._started.follow(setup.clock)

    async def stop(self) -> None:
        """End every watch and let go of them; they stay where they are."""
        self._sleepers.stop()
        self._started = None

    @property
    def _notes(self) -> Notes:
        if self._started is None:
            raise UsageError("this config is not started: start the app, or await config.start(…), first")
        return self._started

    async def set(self, name: str, key: str, value: Any) -> None:
        """Keep a JSON value under `key` of the group `name`.

        Raises:
            EncodeError: It is no JSON value.
        """
        self._notes.set(name, key, value)

    async def get(self, key: str, name: str) -> Any:
        """Return the value, or None."""
        return self._notes.get(name, key)

    async def get_all(self, key: str) -> Mapping[str, Any]:
        """Return the whole group that is called `key`."""
        return self._notes.group(key)

    async def remove(self, name: str, key: str) -> None:
        """Keep nothing any more under `key` of the group `name`."""
        self._notes.remove(name, key)

    async def watch(self, name: str, known: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the group as soon as it differs from `known`; at once where it differs already."""
        notes, watcher = self._notes, Sleeper()
        try:
            while (group := notes.watch(name, known, watcher)) is None:
                await self._sleepers.sleep(watcher)
        finally:
            notes.unwatch(watcher)
        return group

    async def admit(self, asks: Sequence[Ask], patience: float) -> Sequence[Answer]:
        """Grant or refuse each, in their order and in one step."""
        return self._notes.admit(asks, patience)

    async def release(self, worker_id: str, task_ids: Sequence[str]) -> None:
        """Give the permits of this worker for these tasks back; without a permit nothing happens."""
        self._notes.release(worker_id, task_ids)

    async def announce(self, worker: WorkerInfo, ttl: float) -> None:
        """Make the worker known for `ttl` seconds, or for that much longer."""
        self._notes.announce(worker, self._clock.boot() + ttl)

    async def withdraw(self, worker_id: str) -> None:
        """Forget the worker."""
        self._notes.withdraw(worker_id)

    async def workers(self) -> Sequence[WorkerInfo]:
        """Return the workers whose announcement has not run out."""
        return self._notes.workers(self._clock.boot())

    async def flush(self) -> None:
        """Remove everything of this app, and nothing of another."""
        self._notes.clear()
