"""The bell: a small file beside the database that tells other processes of news.

A write to it says that something is ready, a change of its times that something is final. To open it and
close it again is a signal to who works if it is opened for writing, and says that a body has yielded
something if it is opened for reading. Nobody reads it: what rings is the notice of the operating system,
inotify(7), which comes in the moment of the commit and costs a sleeping process nothing.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

from qtasks_sqlite._work import News

BY_INOTIFY: Final = "push: inotify on a file beside the database, within a millisecond"
BY_POLLING: Final = "polling: `PRAGMA data_version`, 5 ms after news, growing to every 100 ms"
"""How idle workers and waiters learn of news, in words for people."""

_CAN_RING: Final = hasattr(os, "pwrite") and os.utime in os.supports_fd


class Bell:
    """The side that rings. Any thread may."""

    def __init__(self, database: str) -> None:
        self.database = database
        self.path = f"{database}-bell"
        self._lock = Lock()
        """Held while the file is used or changes: the number of a closed one may mean another file."""
        self._fd: int | None = None

    def open(self) -> None:
        """Make the file where there is none, and let go of one that was removed.

        Raises:
            OSError: It cannot be made or written.
        """
        if not _CAN_RING:
            return
        with self._lock:
            self._let_go()
            self._fd = self._opened()

    def _opened(self) -> int:
        flags = os.O_RDWR | os.O_CLOEXEC
        try:
            fd = os.open(self.path, flags | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return os.open(self.path, flags)
        try:
            self._admit(fd)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _admit(self, fd: int) -> None:
        """Let ring whoever may write the database."""
        like = Path(self.database).stat()
        if os.geteuid() == 0:
            os.fchown(fd, like.st_uid, like.st_gid)
        os.fchmod(fd, stat.S_IMODE(like.st_mode))

    def ring(self, news: News) -> None:
        """Tell whoever listens. A bell that cannot be rung only delays: they also look by themselves."""
        with self._lock, suppress(OSError):
            if self._fd is None:
                return
            if news & News.READY:
                os.pwrite(self._fd, b"\n", 0)
            if news & News.FINAL:
                os.utime(self._fd)
            if news & News.SIGNAL:
                os.close(os.open(self.path, os.O_WRONLY | os.O_CLOEXEC))
            if news & News.SAID:
                os.close(os.open(self.path, os.O_RDONLY | os.O_CLOEXEC))

    def is_missing(self) -> bool:
        """Whether the file is not there any more, so that new processes ring another one."""
        if not _CAN_RING:
            return False
        if self._fd is None:
            return True
        try:
            return not os.path.samestat(Path(self.path).stat(), os.fstat(self._fd))
        except OSError:
            return True

    def close(self) -> None:
        """Close the file, and leave it: others use it."""
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
