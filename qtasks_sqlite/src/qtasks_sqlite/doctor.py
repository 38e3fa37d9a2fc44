"""What `qtasks doctor` asks of this backend: it reads, and changes nothing."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

from qtasks.doctor import Check, Level
from qtasks.errors import BackendError
from qtasks_sqlite import _locks, _place
from qtasks_sqlite._errors import RESTORE, translated
from qtasks_sqlite._files import LONG_LOG
from qtasks_sqlite._mounts import Reach, file_system, mounted_here, reach_of
from qtasks_sqlite._schema import OLDEST_SQLITE, version_of
from qtasks_sqlite._url import locate

_LITTLE_ROOM: Final = 200 * 1024 * 1024
_MUCH_ROOM: Final = 1024 * 1024 * 1024
_PATIENCE: Final = 5.0


async def doctor(url: str) -> AsyncIterator[Check]:
    """Look at the version of SQLite, the disk, and the file.

    Raises:
        ConfigError: The URL is none of this backend.
    """
    path = locate(url).path
    for check in (*_library(), *_place_of(path)):
        yield check
    if not _place.no_place(path):
        for check in (*_rights(path), *_disk(path), *_log(path), *_file(path)):
            yield check


def _library() -> Iterator[Check]:
    text = f"SQLite {sqlite3.sqlite_version}"
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        yield Check(Level.PROBLEM, f"{text} is too old", "3.35 or newer is needed: use a newer Python")
    else:
        yield Check(Level.OK, text)


def _place_of(path: str) -> Iterator[Check]:
    mounts = mounted_here()
    wrong = _place.no_place(path) or _place.on_network(path, mounts)
    if wrong:
        yield _problem(f"{path}: {wrong}")
    folder = Path(path).parent
    kind = file_system(str(folder), mounts)
    if reach_of(kind) is Reach.SHARED:
        text = f"{folder} is shared with the host of this machine ({kind}), and locks do not reach there"
        yield Check(Level.WARNING, text, "let nothing on the other side open the file, or move it")


def _rights(path: str) -> Iterator[Check]:
    wrong = _place.not_writable(path)
    if wrong:
        yield _problem(wrong)


def _disk(path: str) -> Iterator[Check]:
    folder = Path(path).parent
    free = shutil.disk_usage(folder).free
    if _place.is_full(path):
        yield Check(Level.PROBLEM, f"the disk of {folder} is full", "make room")
    elif free < _LITTLE_ROOM:
        yield Check(Level.WARNING, f"{free // 1024**2} MB are free in {folder}", "make room")


def _log(path: str) -> Iterator[Check]:
    """Look at the write-ahead log, which belongs to the database."""
    size = _place.size_of(f"{path}-wal")
    if size > LONG_LOG:
        readers = _locks.in_words(_locks.readers(path)) or "a reader that never ends its transaction"
        hint = f"{readers} keeps it from being written back: end that transaction"
        yield Check(Level.WARNING, f"the write-ahead log has {size // 1024**2} MB", hint)


def _file(path: str) -> Iterator[Check]:
    if wrong := _place.log_alone(path) or _place.damaged_log(path):
        yield _problem(wrong)  # to open the file, even for reading, would end that log
        return
    if not _place.is_there(path):
        yield Check(Level.OK, f"{path} does not exist yet: the first start creates it")
        return
    # Where there is no log nobody has it open, and the file can be read without making one.
    unused = not _place.is_there(f"{path}-wal")
    checks = _look(path, "immutable=1" if unused else "mode=ro")
    if unused and _place.is_there(f"{path}-wal"):
        checks = _look(path, "mode=ro")  # somebody has opened it meanwhile, and written under our eyes
    yield from checks


def _look(path: str, how: str) -> list[Check]:
    try:
        with (
            translated(path),
            closing(sqlite3.connect(f"file:{quote(path)}?{how}", uri=True, timeout=_PATIENCE)) as connection,
        ):
            return list(_contents(connection, path))
    except BackendError as exc:
        return [_problem(str(exc))]


def _contents(connection: sqlite3.Connection, path: str) -> Iterator[Check]:
    version = version_of(connection, path)
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        yield Check(Level.PROBLEM, f"{path} is damaged: {verdict}", RESTORE)
    else:
        yield Check(Level.OK, f"{path} is sound (schema {version})")
    ((pages,),) = connection.execute("PRAGMA freelist_count")
    ((size,),) = connection.execute("PRAGMA page_size")
    if pages * size > _MUCH_ROOM:
        text = f"{pages * size // 1024**2} MB of {path} are unused, and kept for later tasks"
        yield Check(Level.WARNING, text, "VACUUM gives them back, while no process uses the file")


def _problem(text: str) -> Check:
    """Return a problem from a sentence that ends in what to do."""
    found, _, hint = text.partition("; ")
    return Check(Level.PROBLEM, found, hint)
