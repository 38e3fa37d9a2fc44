"""The small facts of one app: settings by group, and the registry of workers."""

from __future__ import annotations

import json
from threading import Lock
from typing import Any

from qtasks.errors import EncodeError
from qtasks.models import WorkerInfo


class Notes:
    """Kept as JSON, so that nobody changes a value from outside."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._groups: dict[str, dict[str, str]] = {}
        self._workers: dict[str, tuple[WorkerInfo, float]] = {}

    def set(self, group: str, key: str, value: Any) -> None:
        """Keep a JSON value."""
        try:
            text = json.dumps(value)
        except (TypeError, ValueError) as exc:
            raise EncodeError(f"the setting {group}/{key} must be a JSON value: {exc}") from exc
        with self._lock:
            self._groups.setdefault(group, {})[key] = text

    def get(self, group: str, key: str) -> Any:
        """Return the value, or None."""
        with self._lock:
            text = self._groups.get(group, {}).get(key)
        return None if text is None else json.loads(text)

    def group(self, group: str) -> dict[str, Any]:
        """Return all values of a group."""
        with self._lock:
            texts = dict(self._groups.get(group, {}))
        return {key: json.loads(text) for key, text in texts.items()}

    def announce(self, worker: WorkerInfo, until: float) -> None:
        """Know the worker until this moment of the boot clock."""
        with self._lock:
            self._workers[worker.id] = (worker, until)

    def withdraw(self, worker_id: str) -> None:
        """Forget the worker."""
        with self._lock:
            self._workers.pop(worker_id, None)

    def workers(self, boot: float) -> list[WorkerInfo]:
        """Return who is known at this moment, and forget the others."""
        with self._lock:
            self._workers = {key: entry for key, entry in self._workers.items() if entry[1] > boot}
            return [worker for worker, _ in self._workers.values()]

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._groups.clear()
            self._workers.clear()
