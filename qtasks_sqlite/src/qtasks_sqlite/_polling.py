"""Hear of news where there is no inotify: by asking SQLite whether anybody has committed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from qtasks_sqlite._bell import BY_POLLING
from qtasks_sqlite._work import News

SHORTEST: Final = 0.005
LONGEST: Final = 0.1
_GROWTH: Final = 1.5

SAFETY: Final = 1.0
"""Seconds between two looks of who waits for signals alone."""

_ASKED_FOR: Final = News.READY | News.FINAL | News.SAID
"""A worker waits for signals all the time: for their sake alone nobody asks."""


class PollingEar:
    """Asks while something is wanted; `version` gives a number that every commit changes."""

    wake_up = BY_POLLING
    safety = SAFETY

    def __init__(
        self, version: Callable[[], Awaitable[int]], on_news: Callable[[News], None], wanted: News
    ) -> None:
        self._version = version
        self._on_news = on_news
        self._task: asyncio.Task[None] | None = None
        self.want(wanted)

    def want(self, news: News) -> None:
        """Ask for these news, and no others."""
        self.wanted: News = news
        if news & _ASKED_FOR and self._task is None:
            self._task = asyncio.create_task(self._poll(), name="qtasks-sqlite-polling")

    def heard_here(self, news: News) -> None:
        """Pass on at once what this process has committed itself."""
        if news & self.wanted:
            self._on_news(news & self.wanted)

    def close(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _poll(self) -> None:
        try:
            await self._ask()
        finally:
            if self._task is asyncio.current_task():
                # Also after an error: who listens next begins anew.
                self._task, self.wanted = None, self.wanted & ~_ASKED_FOR

    async def _ask(self) -> None:
        pause, seen = SHORTEST, -1
        while self.wanted & _ASKED_FOR:
            try:
                version = await self._version()
            except Exception:  # noqa: BLE001 - whoever waits looks by itself too, and says what is wrong
                version = seen
            if version != seen:
                pause, seen = SHORTEST, version
                self._on_news(self.wanted)
            await asyncio.sleep(pause)
            pause = min(pause * _GROWTH, LONGEST)
