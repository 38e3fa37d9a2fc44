"""The files of an open database, watched from outside: still there, still the same, and not too long."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

from qtasks_sqlite import _errors, _locks

LONG_LOG: Final = 256 * 1024 * 1024
"""Bytes of a write-ahead log that somebody keeps from being written back."""

_log: Final = logging.getLogger("qtasks.sqlite")


class Files:
    """Notes which files a connection has opened.

    SQLite goes on with a file that has no name any more, so what is written then would be lost with
    the last process that has it open.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._database = Path(path)
        self._wal = Path(f"{path}-wal")
        self._known = _identity(_status(self._database)), _identity(_status(self._wal))
        self._told = LONG_LOG

    def check(self) -> None:
        """Compare, and warn of a log that grows: once, and again whenever it has doubled.

        Raises:
            BackendMismatch: The database or its log is not there any more, or is another one.
        """
        database, wal = _status(self._database), _status(self._wal)
        file, log = self._known
        if database is None or _identity(database) != file or not database.st_size:
            is_replaced = database is not None and _identity(wal) == log
            raise _errors.removed(self._path, self._set_aside() if is_replaced else "")
        if wal is None or _identity(wal) != log:
            raise _errors.removed(str(self._wal))
        if wal.st_size > self._told:
            self._warn(wal.st_size)

    def _set_aside(self) -> str:
        """Rename the log of the old database, and return as what.

        SQLite would write it into the new one (sqlite.org/howtocorrupt.html, section 2.5). The name is
        the one that it looks for beside an old database that is called `tasks.db.123`.
        """
        old = f"{self._path}.{self._known[0][1]}"
        try:
            self._wal.rename(f"{old}-wal")
            Path(f"{self._path}-shm").rename(f"{old}-shm")
        except OSError:  # another process was first
            return ""
        return f"{old}-wal"

    def _warn(self, size: int) -> None:
        self._told = 2 * size
        readers = _locks.in_words(_locks.readers(self._path))
        _log.warning(
            "%s has grown to %d MB, by a large transaction or by one that somebody keeps open%s:"
            " it shrinks by itself after the former; end the latter, or the disk fills up",
            self._wal,
            size // 1024**2,
            f" (open now: {readers})" if readers else "",
        )


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _identity(status: os.stat_result | None) -> tuple[int, int]:
    """Return what tells a file from another one of its name."""
    return (0, 0) if status is None else (status.st_dev, status.st_ino)
