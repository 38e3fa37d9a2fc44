"""The small facts of one app: settings by group, the registry of workers, and who has which permit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from qtasks.clock import SYSTEM_CLOCK, Clock
from qtasks.errors import EncodeError
from qtasks.memory._permits import Permits
from qtasks.memory._wake import Sleeper, follow
from qtasks.models import Answer, Ask, WorkerInfo


class Notes:
    """Values are kept as JSON, so that nobody changes one from outside."""

    def __init__(self) -> None:
        self.clock: Clock = SYSTEM_CLOCK
        self._lock = Lock()
        self._groups: dict[str, dict[str, str]] = {}
        self._watchers: dict[Sleeper, str] = {}
        self._workers: dict[str, tuple[WorkerInfo, float]] = {}
        self._permits = Permits()

    def follow(self, clock: Clock) -> None:
        """Take the time from this clock."""
        self.clock = clock
        follow(clock, self.look_again)

    def look_again(self) -> None:
        """Wake everybody who watches a group."""
        with self._lock:
            self._ring(None)

    def set(self, group: str, key: str, value: Any) -> None:
        """Keep a JSON value."""
        try:
            text = json.dumps(value)
        except (TypeError, ValueError) as exc:
            raise EncodeError(f"the setting {group}/{key} must be a JSON value: {exc}") from exc
        with self._lock:
            self._groups.setdefault(group, {})[key] = text
            self._ring(group)

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

    def remove(self, group: str, key: str) -> None:
        """Keep nothing under this key."""
        with self._lock:
            values = self._groups.get(group, {})
            if values.pop(key, None) is not None:
                self._ring(group)
            if not values:
                self._groups.pop(group, None)

    def watch(self, group: str, known: Mapping[str, Any], watcher: Sleeper) -> dict[str, Any] | None:
        """Return the group where it differs from what is known, else have the watcher woken by news."""
        with self._lock:
            self._watchers[watcher] = group
        now = self.group(group)
        return None if _canonical(now) == _canonical(known) else now

    def unwatch(self, watcher: Sleeper) -> None:
        """Wake it no more."""
        with self._lock:
            self._watchers.pop(watcher, None)

    def _ring(self, group: str | None) -> None:
        for watcher, watched in self._watchers.items():
            if group is None or group == watched:
                watcher.wake()

    def admit(self, asks: Sequence[Ask], patience: float) -> list[Answer]:
        """Grant or refuse each."""
        with self._lock:
            boot = self.clock.boot()
            return self._permits.admit(
                asks, patience, self.clock.now(), lambda worker: self._is_known(worker, boot)
            )

    def release(self, worker_id: str, task_ids: Sequence[str]) -> None:
        """Take permits back."""
        with self._lock:
            self._permits.release(worker_id, task_ids)

    def _is_known(self, worker_id: str, boot: float) -> bool:
        entry = self._workers.get(worker_id)
        return entry is not None and entry[1] > boot

    def announce(self, worker: WorkerInfo, until: float) -> None:
        """Know the worker until this moment of the boot clock."""
        with self._lock:
            if not self._is_known(worker.id, self.clock.boot()):
                self._permits.forget(worker.id)  # they ended with the announcement before
            self._workers[worker.id] = (worker, until)

    def withdraw(self, worker_id: str) -> None:
        """Forget the worker."""
        with self._lock:
            self._workers.pop(worker_id, None)
            self._permits.forget(worker_id)

    def workers(self, boot: float) -> list[WorkerInfo]:
        """Return who is known at this moment, and forget the others."""
        with self._lock:
            for worker_id, (_, until) in tuple(self._workers.items()):
                if until <= boot:
                    del self._workers[worker_id]
                    self._permits.forget(worker_id)
            return [worker for worker, _ in self._workers.values()]

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._groups.clear()
            self._workers.clear()
            self._permits.clear()
            self._ring(None)


def _canonical(values: Mapping[str, Any]) -> str:
    """Return a text that is equal for equal JSON values, and tells 1 from true."""
    return json.dumps(values, sort_keys=True)
