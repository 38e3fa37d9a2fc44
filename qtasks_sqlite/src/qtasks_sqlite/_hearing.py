"""Who is woken when the bell rings: idle consumers, busy ones, and who waits for a task."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from qtasks.errors import BackendRefused
from qtasks_sqlite import _errors
from qtasks_sqlite._bell import Bell
from qtasks_sqlite._inotify import InotifyEar
from qtasks_sqlite._polling import PollingEar
from qtasks_sqlite._work import News


class Ear(Protocol):
    """A way to hear of news."""

    wake_up: str
    """How, in words for people."""
    safety: float
    """Seconds after which who waits for signals looks by himself."""
    wanted: News

    def want(self, news: News) -> None:
        """Listen for these news, and no others."""
        ...

    def heard_here(self, news: News) -> None:
        """Note what this process has committed itself."""
        ...

    def close(self) -> None:
        """Listen no more."""
        ...


class Hearing:
    """Listens as long as somebody sleeps: a busy process is not disturbed by news.

    Args:
        bell: What rings.
        version: Gives a number that every commit changes, where there is no inotify.
        on_final: Called when something has ended; answers whether anybody waits for it.
    """

    def __init__(
        self, bell: Bell, version: Callable[[], Awaitable[int]], on_final: Callable[[], bool]
    ) -> None:
        self._bell = bell
        self._version = version
        self._on_final = on_final
        self._idle: dict[Callable[[], None], News] = {}
        self._turns = dict.fromkeys(News, 0)
        self._ear: Ear | None = None
        self._is_closed = False

    def open(self) -> None:
        """Make the bell where there is none, and be ready to listen.

        Raises:
            BackendRefused: The file cannot be made or written.
        """
        try:
            self._bell.open()
        except OSError as exc:
            raise BackendRefused(
                f"{self._bell.path} cannot be written ({exc.strerror}): make it and its folder writable for"
                f" this user, or remove it"
            ) from exc
        self._ear = self._new_ear(News.NONE)

    def _new_ear(self, wanted: News) -> Ear:
        try:
            return InotifyEar(self._bell.path, self._hear, wanted)
        except (OSError, AttributeError, NotImplementedError):
            return PollingEar(self._version, self._hear, wanted)

    def close(self) -> None:
        """Listen no more; who sleeps is woken, and gets an error."""
        self._is_closed = True
        if self._ear is not None:
            self._ear.close()
        for wake in tuple(self._idle):
            wake()

    @property
    def ear(self) -> Ear:
        """How news is heard, once opened."""
        assert self._ear is not None
        return self._ear

    def is_on(self, news: News) -> bool:
        """Whether all these news are listened for."""
        return self.ear.wanted & news == news

    def listen(self, news: News) -> None:
        """Listen for these news, from now on."""
        self._want(self.ear.wanted | news)

    def heard_here(self, news: News) -> None:
        """Note what this process has committed itself."""
        self.ear.heard_here(news)

    def mark(self, news: News) -> int:
        """Return a number that changes with such news, and when listening for them begins anew."""
        turns = self._turns.get(news)  # one kind, as in every fetch
        return sum(self._turns[kind] for kind in news) if turns is None else turns

    async def rest(self, news: News, called: asyncio.Event, seconds: float, since: int) -> None:
        """Sleep until such news, until somebody sets the event, or at most so long.

        It comes back at once where something may have come since the mark `since`, which is taken before
        the look: there were news, or nobody has listened for them. Then look once more.

        Raises:
            BackendUnavailable: Nothing is heard any more.
        """
        if self._is_closed:
            raise _errors.closed(self._bell.database)
        if not self.is_on(news):
            self.listen(news)
            return
        if self.mark(news) != since:
            return
        self._idle[called.set] = news
        try:
            async with asyncio.timeout(seconds):
                await called.wait()
        except TimeoutError:
            self.check()
        finally:
            del self._idle[called.set]

    def check(self) -> None:
        """Get a new bell where somebody has removed the old one."""
        if not self._is_closed and self._bell.is_missing():
            self._renew(self.ear.wanted)

    def _want(self, news: News) -> None:
        if self._is_closed:
            return
        self._turn(news & ~self.ear.wanted)
        try:
            self.ear.want(news)
        except OSError:  # the bell was removed, or this user has no more watches
            self._renew(news)

    def _renew(self, wanted: News) -> None:
        """Open bell and ear anew; where that fails news comes by polling, until it succeeds."""
        self._turn(wanted)
        self.ear.close()
        try:
            self._bell.open()
        except OSError:
            self._ear = PollingEar(self._version, self._hear, wanted)
        else:
            self._ear = self._new_ear(wanted)

    def _turn(self, news: News) -> None:
        """Let nobody rest who has looked before now."""
        for kind in news:
            self._turns[kind] += 1

    def _hear(self, news: News) -> None:
        self._turn(news)
        awaited = News.FINAL if news & News.FINAL and self._on_final() else News.NONE
        for wake, wanted in tuple(self._idle.items()):
            awaited |= wanted
            if wanted & news:
                wake()
        if news & ~awaited:
            self._want(self.ear.wanted & ~(news & ~awaited))
