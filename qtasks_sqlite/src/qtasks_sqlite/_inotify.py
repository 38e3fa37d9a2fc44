"""Hear the bell by inotify(7): at once, and at no cost in between."""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
import sys
from collections.abc import Callable
from typing import Final

from qtasks_sqlite._bell import BY_INOTIFY
from qtasks_sqlite._work import News

_MASKS: Final = {
    News.READY: 0x2,  # IN_MODIFY
    News.FINAL: 0x4,  # IN_ATTRIB
    News.SIGNAL: 0x8,  # IN_CLOSE_WRITE
    News.SAID: 0x10,  # IN_CLOSE_NOWRITE
}
_IN_DELETE_SELF: Final = 0x400  # never awaited for itself: a mask must not be empty
_HEADER: Final = struct.Struct("iIII")
_BUFFER: Final = 4096
_CLOSED: Final = -1

SAFETY: Final = 3.0
"""Seconds between two looks of who waits for signals: the bell is hardly ever missed."""


class InotifyEar:
    """Listens for what is wanted, in the running loop.

    Raises:
        OSError: The system has no inotify, or no more instances of it for this user.
    """

    wake_up = BY_INOTIFY
    safety = SAFETY

    def __init__(self, path: str, on_news: Callable[[News], None], wanted: News) -> None:
        if not sys.platform.startswith("linux"):
            raise OSError("inotify is a part of Linux")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._path = os.fsencode(path)
        self._on_news = on_news
        self._loop = asyncio.get_running_loop()
        self._fd = self._checked(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        self.wanted = wanted
        try:
            self.want(wanted)
            self._loop.add_reader(self._fd, self._read)
        except BaseException:
            os.close(self._fd)
            raise

    def want(self, news: News) -> None:
        """Listen for these news, and no others."""
        mask = _IN_DELETE_SELF
        for kind, bit in _MASKS.items():
            mask |= bit if news & kind else 0
        # Adding a path again replaces its mask.
        self._checked(self._libc.inotify_add_watch(self._fd, self._path, mask))
        self.wanted = news

    def heard_here(self, news: News) -> None:
        """Do nothing: what this process rings comes back like everything else."""

    def close(self) -> None:
        """Listen no more."""
        fd, self._fd = self._fd, _CLOSED
        if fd != _CLOSED:
            self._loop.remove_reader(fd)
            os.close(fd)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, _BUFFER)
        except OSError:  # EAGAIN: nothing there after all
            return
        news, offset = News.NONE, 0
        while offset < len(data):
            _, mask, _, length = _HEADER.unpack_from(data, offset)
            offset += _HEADER.size + length
            for kind, bit in _MASKS.items():
                news |= kind if mask & bit else News.NONE
        if news:
            self._on_news(news)

    @staticmethod
    def _checked(answer: int) -> int:
        if answer < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return answer
