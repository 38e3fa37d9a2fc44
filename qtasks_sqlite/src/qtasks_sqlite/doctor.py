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
from qtasks_sqlite._errors import translated
from qtasks_sqlite._schema import OLDEST_SQLITE, version_of
from qtasks_sqlite._url import locate

_NETWORK: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs"})
_LITTLE_ROOM: Final = 200 * 1024 * 1024
_LONG_LOG: Final = 256 * 1024 * 1024


async def doctor(url: str) -> AsyncIterator[Check]:
    """Look at the version of SQLite, the disk, and the file."""
    path = Path(locate(url).path)
    for check in (*_library(), *_disk(path), *_file(path)):
        yield check


def _library() -> Iterator[Check]:
    text = f"SQLite {sqlite3.sqlite_version}"
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        yield Check(Level.PROBLEM, f"{text} is too old", "3.35 or newer is needed: use a newer Python")
    else:
        yield Check(Level.OK, text)


def _disk(path: Path) -> Iterator[Check]:
    if not path.parent.is_dir():
        yield Check(Level.PROBLEM, f"there is no folder {path.parent}", "create it")
        return
    kind = _file_system(path.parent)
    if kind in _NETWORK:
        hint = "locks do not hold there, and the log needs shared memory: move the file to a local disk"
        yield Check(Level.PROBLEM, f"{path.parent} is on a network file system ({kind})", hint)
    free = shutil.disk_usage(path.parent).free
    if free < _LITTLE_ROOM:
        yield Check(Level.WARNING, f"{free // 1024**2} MB are free in {path.parent}", "make room")
    log = Path(f"{path}-wal")
    if log.exists() and log.stat().st_size > _LONG_LOG:
        hint = "a reader that never ends its transaction keeps it from being written back: find it"
        yield Check(Level.WARNING, f"the write-ahead log has {log.stat().st_size // 1024**2} MB", hint)


def _file_system(folder: Path) -> str:
    """Return the type of the file system, as proc(5) gives it in `mountinfo`; empty where it does not."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    mounts = {line.split()[4]: line.partition(" - ")[2].split()[0] for line in lines}
    homes = (str(part) for part in (folder, *folder.parents))
    return next((mounts[home] for home in homes if home in mounts), "")


def _file(path: Path) -> Iterator[Check]:
    if not path.parent.is_dir():
        return
    if not path.exists():
        yield Check(Level.OK, f"{path} does not exist yet: the first start creates it")
        return
    try:
        with translated(str(path)), closing(_open(path)) as connection:
            yield from _contents(connection, path)
    except BackendError as exc:
        yield Check(Level.PROBLEM, str(exc))


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=5)


def _contents(connection: sqlite3.Connection, path: Path) -> Iterator[Check]:
    version = version_of(connection, str(path))
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        yield Check(Level.PROBLEM, f"{path} is damaged: {verdict}", "restore it or move it away")
    elif version and mode != "wal":
        yield Check(Level.WARNING, f"{path} is in journal mode {mode}", "the next start sets WAL")
    else:
        yield Check(Level.OK, f"{path} is sound (schema {version}, journal mode {mode})")
