"""Limits that all workers share: how many at a time, and how far apart they start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from qtasks.models import Answer, Ask

FEW: Final = 1_000
"""Moments that are kept without a look at which of them are over."""

SET_BACK: Final = 60.0
"""A moment that is so many seconds further ahead than starts are reserved: the clock was set back."""


class Permits:
    """Who may run now, by key."""

    def __init__(self) -> None:
        self._holders: dict[str, dict[str, str]] = {}
        """By key: task → worker."""
        self._keys: dict[str, set[str]] = {}
        """By task: the keys under which it has a permit."""
        self._starts: dict[str, float] = {}
        """By key: the next moment that is free for a start."""
        self._room = FEW

    def admit(
        self, asks: Sequence[Ask], patience: float, now: float, is_known: Callable[[str], bool]
    ) -> list[Answer]:
        """Grant or refuse each; `is_known` says whether the permits of a worker are worth anything."""
        return [self._admit(ask, patience, now, is_known) for ask in asks]

    def _admit(self, ask: Ask, patience: float, now: float, is_known: Callable[[str], bool]) -> Answer:
        self._take_over(ask)
        if ask.concurrency is not None and not self._has_room(ask, ask.concurrency, is_known):
            return Answer(granted=False)
        wait = 0.0
        if ask.interval is not None:
            start = max(now, self._starts.get(ask.key, now))
            if start > now + patience + ask.interval + SET_BACK:
                start = now
            wait = start - now
            if wait > patience:
                return Answer(granted=False, wait=wait)
            self._reserve(ask.key, start + ask.interval, now)
        if ask.concurrency is not None:
            self._holders.setdefault(ask.key, {})[ask.task_id] = ask.worker
            self._keys.setdefault(ask.task_id, set()).add(ask.key)
        return Answer(granted=True, wait=wait)

    def _take_over(self, ask: Ask) -> None:
        """End what another worker had for this task: it has lost it."""
        for key in tuple(self._keys.get(ask.task_id, ())):
            if self._holders[key][ask.task_id] != ask.worker:
                self._end(key, ask.task_id)

    def _has_room(self, ask: Ask, concurrency: int, is_known: Callable[[str], bool]) -> bool:
        for task_id, worker in tuple(self._holders.get(ask.key, {}).items()):
            if not is_known(worker):
                self._end(ask.key, task_id)
        holders = self._holders.get(ask.key, {})
        return ask.task_id in holders or len(holders) < concurrency

    def _reserve(self, key: str, moment: float, now: float) -> None:
        self._starts[key] = moment
        if len(self._starts) > self._room:  # keys may be many, such as one for each user
            self._starts = {each: start for each, start in self._starts.items() if start > now}
            self._room = FEW + 2 * len(self._starts)

    def release(self, worker_id: str, task_ids: Sequence[str]) -> None:
        """Take back what this worker has for these tasks."""
        for task_id in task_ids:
            for key in tuple(self._keys.get(task_id, ())):
                if self._holders[key][task_id] == worker_id:
                    self._end(key, task_id)

    def forget(self, worker_id: str) -> None:
        """Take back all that this worker has."""
        for key, holders in tuple(self._holders.items()):
            for task_id, worker in tuple(holders.items()):
                if worker == worker_id:
                    self._end(key, task_id)

    def _end(self, key: str, task_id: str) -> None:
        holders, keys = self._holders[key], self._keys[task_id]
        del holders[task_id]
        keys.discard(key)
        if not holders:
            del self._holders[key]
        if not keys:
            del self._keys[task_id]

    def clear(self) -> None:
        """Forget all."""
        self._holders.clear()
        self._keys.clear()
        self._starts.clear()
