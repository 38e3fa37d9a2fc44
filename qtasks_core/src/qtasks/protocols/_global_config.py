"""Small facts that all processes of an app share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from qtasks.models import Answer, Ask, WorkerInfo
from qtasks.protocols._component import Component


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

    async def remove(self, name: str, key: str) -> None:
        """Keep nothing any more under `key` of the group `name`."""
        ...

    async def watch(self, name: str, known: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the group as soon as it differs from `known`, pushed rather than polled.

        Answers at once where it differs already.
        """
        ...

    async def admit(self, asks: Sequence[Ask], patience: float) -> Sequence[Answer]:
        """Grant or refuse each, in their order and in one step.

        A permit of a concurrency is held until it is released, until the announcement of its worker has
        run out, or until another worker has asked for the same task. Starts under an interval are
        spaced evenly: one that comes at most `patience` seconds from now is reserved, and granted with the
        seconds to wait. What is refused takes nothing.
        """
        ...

    async def release(self, worker_id: str, task_ids: Sequence[str]) -> None:
        """Give the permits of this worker for these tasks back; without a permit nothing happens."""
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
