"""Errors of SQLite and of its driver, translated into those of QTasks."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from qtasks.errors import BackendError, BackendMismatch, BackendRefused, BackendUnavailable
from qtasks_sqlite import _locks, _place

_PRIMARY: Final = 0xFF
"""The low byte of an error code says what it is, the rest details it: sqlite.org/rescode.html."""

_END: Final = "end its transaction, then repeat the call"

RESTORE: Final = (
    "end all that use it, and move it away with its -wal and -shm; then put a copy in its place, or what"
    " `sqlite3 moved.db .recover` still reads"
)
"""What to do with a damaged file. A log left beside another database would damage that as well."""

_MEANINGS: Final[dict[int, tuple[type[BackendError], str]]] = {
    sqlite3.SQLITE_BUSY: (
        BackendUnavailable,
        f"another process holds the lock for too long; {_END}",
    ),
    sqlite3.SQLITE_LOCKED: (
        BackendUnavailable,
        f"another connection of this process holds the lock; {_END}",
    ),
    sqlite3.SQLITE_PROTOCOL: (BackendUnavailable, "too many processes open it at once; repeat the call"),
    sqlite3.SQLITE_IOERR: (
        BackendUnavailable,
        "the disk answers with an error; look at the disk, its log and the quota, then repeat the call",
    ),
    sqlite3.SQLITE_NOMEM: (BackendUnavailable, "there is no memory; free some, then repeat the call"),
    sqlite3.SQLITE_INTERRUPT: (BackendUnavailable, "the call was interrupted; repeat it"),
    sqlite3.SQLITE_PERM: (BackendRefused, "access is not permitted; check the owner and mode of the file"),
    sqlite3.SQLITE_AUTH: (BackendRefused, "access is not permitted; check the owner and mode of the file"),
    sqlite3.SQLITE_READONLY: (
        BackendRefused,
        "it can only be read; make the file and its folder writable, then start again",
    ),
    sqlite3.SQLITE_FULL: (BackendRefused, "the disk is full; make room"),
    sqlite3.SQLITE_CANTOPEN: (BackendRefused, "it cannot be opened; check that it may be written to"),
    sqlite3.SQLITE_TOOBIG: (
        BackendRefused,
        "the message is larger than SQLite can keep; send less, or the name of a file",
    ),
    sqlite3.SQLITE_CORRUPT: (BackendMismatch, f"the file is damaged; {RESTORE}"),
    sqlite3.SQLITE_NOTADB: (
        BackendMismatch,
        "the file is no SQLite database, or its header is damaged; choose another path, or restore a copy",
    ),
    sqlite3.SQLITE_FORMAT: (
        BackendMismatch,
        "the file is no SQLite database; choose another path",
    ),
    sqlite3.SQLITE_ERROR: (
        BackendMismatch,
        "its tables are not those of QTasks any more; restore a copy, or choose another path",
    ),
}

_ABOUT_RIGHTS: Final = {sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_READONLY}

_REFUSED: Final = (BackendRefused, "SQLite refused the call; run `qtasks doctor` on the file")
"""What else there may be."""

_VALUE_ERRORS: Final = (OverflowError, UnicodeError, TypeError)

DRIVER_ERRORS: Final = (sqlite3.Error, ValueError, *_VALUE_ERRORS)
"""What a call of the driver may raise; ValueError says that the connection is closed."""


def is_busy(exc: BaseException) -> bool:
    """Whether somebody else held the lock, so that the same call may succeed."""
    return _code(exc) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def is_about_values(exc: BaseException) -> bool:
    """Whether one particular value is to blame, so that the same call without it may succeed."""
    if isinstance(exc, _VALUE_ERRORS):
        return True
    about_values = isinstance(exc, (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError))
    return about_values or (isinstance(exc, sqlite3.ProgrammingError) and not _is_closed(exc))


def removed(path: str, log: str = "") -> BackendMismatch:
    """Return the error for a file that is not the one any more that was opened.

    Args:
        path: The file.
        log: As what the log of the old file is kept, where it was renamed.
    """
    kept = f" (the log of the old file is {log} now)" if log else ""
    return BackendMismatch(
        f"{path} was removed, replaced or emptied while it was open: what is written now would be lost{kept};"
        f" put the right file in its place and start this process again"
    )


def closed(path: str) -> BackendUnavailable:
    """Return the error for a call that a stop has overtaken."""
    return BackendUnavailable(
        f"{path} is closed, or being closed, since the app here was stopped: the call was not done;"
        f" start the app again and repeat it"
    )


def translate(exc: BaseException, path: str) -> BackendError:
    """Return the error of QTasks that says what happened and what to do."""
    if isinstance(exc, BackendError):
        return exc
    if is_about_values(exc):
        return BackendRefused(f"SQLite cannot keep this value in {path}: {exc}")
    if isinstance(exc, ValueError) or _is_closed(exc):
        return closed(path)
    if _is_of_another_file(exc, path):
        return removed(path)
    kind, meaning = _meaning(exc, path)
    return kind(f"{path}: {meaning} ({_in_words_of_sqlite(exc)})")


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Raise errors of the driver as those of QTasks.

    Raises:
        BackendUnavailable: Locked for too long, or the disk fails; try again later.
        BackendRefused: Read-only, full, not permitted.
        BackendMismatch: Damaged, or no file of QTasks.
    """
    try:
        yield
    except DRIVER_ERRORS as exc:
        raise translate(exc, path) from exc


def _meaning(exc: BaseException, path: str) -> tuple[type[BackendError], str]:
    code = _code(exc)
    if code == sqlite3.SQLITE_IOERR and _place.is_full(path):
        code = sqlite3.SQLITE_FULL
    kind, meaning = _MEANINGS.get(code, _REFUSED)
    if code == sqlite3.SQLITE_BUSY and (holders := _locks.writers(path)):
        meaning = f"{_locks.in_words(holders)} holds the lock for too long; {_END}"
    elif code == sqlite3.SQLITE_CANTOPEN:
        meaning = _place.not_opened(path)
    elif code in _ABOUT_RIGHTS:
        meaning = _place.not_writable(path) or meaning
    return kind, meaning


def _is_of_another_file(exc: BaseException, path: str) -> bool:
    if _extended_code(exc) == sqlite3.SQLITE_READONLY_DBMOVED:
        return True
    return _code(exc) == sqlite3.SQLITE_IOERR and not _place.is_there(path)


def _in_words_of_sqlite(exc: BaseException) -> str:
    """Return its text and, where that is one for many causes, the name that tells them apart."""
    name = getattr(exc, "sqlite_errorname", "")
    return f"{exc}: {name}" if _extended_code(exc) > _PRIMARY else str(exc)


def _is_closed(exc: BaseException) -> bool:
    return isinstance(exc, sqlite3.ProgrammingError) and "closed database" in str(exc)


def _code(exc: BaseException) -> int:
    return _extended_code(exc) & _PRIMARY


def _extended_code(exc: BaseException) -> int:
    code: int | None = getattr(exc, "sqlite_errorcode", None)
    return code or 0
