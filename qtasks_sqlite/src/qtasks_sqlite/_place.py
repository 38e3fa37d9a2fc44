"""What the operating system says of a path: why no database can be kept or opened there."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Final

from qtasks.errors import BackendMismatch, BackendRefused
from qtasks_sqlite import _wal
from qtasks_sqlite._mounts import Reach, file_system, mounted_here, reach_of

_NO_ROOM: Final = 64 * 1024
"""Bytes: with less a log cannot grow."""


def check_place(path: str) -> None:
    """Look at the place before a database is opened or made there.

    SQLite opens what may not be written for reading, and never asks again.

    Raises:
        BackendRefused: There is something else than a file, or a network between, a right is missing, or
            the file of which there is still the log.
        BackendMismatch: The log is damaged.
    """
    wrong = no_place(path) or on_network(path, mounted_here()) or not_writable(path) or log_alone(path)
    if wrong:
        raise BackendRefused(f"{path}: {wrong}")
    if damage := damaged_log(path):
        raise BackendMismatch(damage)


def no_file(path: str) -> str:
    """Say why this cannot be the path of a file; empty where it can."""
    mode, folder = _mode(path), Path(path).parent
    if stat.S_ISDIR(mode):
        return "it is a folder; name a file in it"
    if mode and not stat.S_ISREG(mode):
        return "it is no ordinary file; choose another path"
    if _mode(folder) and not stat.S_ISDIR(_mode(folder)):
        return f"{folder} is a file and no folder; choose another path"
    return ""


def no_place(path: str) -> str:
    """Say why there cannot be a file now; empty where there can."""
    return no_file(path) or _no_folder(Path(path).parent)


def on_network(path: str, mountinfo: str) -> str:
    """Say what is wrong with a file on a network file system; empty where it is on no such."""
    folder = Path(path).parent
    kind = file_system(str(folder), mountinfo)
    if reach_of(kind) is not Reach.NETWORK:
        return ""
    return (
        f"{folder} is on a network file system ({kind}), where locks do not hold and the write-ahead log of"
        f" SQLite does not work; move the file to a local disk, or use a backend with a server"
    )


def not_opened(path: str) -> str:
    """Say why a file could not be opened, and what to do."""
    return (
        no_place(path)
        or not_writable(path)
        or (
            "it cannot be opened; check that the path is right and not too long, and that this process may"
            " open more files (ulimit -n)"
        )
    )


def not_writable(path: str) -> str:
    """Say which file or folder this user may not write; empty where all may be written."""
    folder = str(Path(path).parent)
    for each in (folder, path, f"{path}-wal", f"{path}-shm"):
        is_folder = each is folder
        if not _mode(each) or _may(each, os.W_OK | (os.X_OK if is_folder else os.R_OK)):
            continue
        if _is_mounted_read_only(each):
            return f"{each} is on a file system that is mounted read-only; mount it writable"
        what = "make files in" if is_folder else "read and write"
        return f"{_user()} may not {what} {each}; give it the right, then start again"
    return ""


def log_alone(path: str) -> str:
    """Say that there is a log without its database, which a new database would end; empty where not."""
    log = f"{path}-wal"
    # In this order: whoever makes a database has written it before there is a log.
    if not size_of(log) or size_of(path):
        return ""
    return (
        f"{log} is there without its database; put the database back beside it, or move the log away:"
        f" a new database would end what is in it"
    )


def damaged_log(path: str) -> str:
    """Say that SQLite would drop what is in the log; empty where it would not."""
    log = f"{path}-wal"
    if not _wal.is_damaged(log):
        return ""
    return (
        f"{log} is damaged, and SQLite would pass over all that is in it; end all that use it, and copy it"
        f" with the database; without this log you go on with what had been written back from it"
    )


def is_there(path: str) -> bool:
    """Whether there is anything of this name."""
    return bool(_mode(path))


def size_of(path: str) -> int:
    """Return how many bytes a file has; 0 where there is none."""
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def is_full(path: str) -> bool:
    """Whether there is no room left on the disk."""
    try:
        return shutil.disk_usage(Path(path).parent).free < _NO_ROOM
    except OSError:
        return False


def _no_folder(folder: Path) -> str:
    if _mode(folder):
        return ""
    there = next(each for each in (folder, *folder.parents) if _mode(each))
    if _may(there, os.X_OK):
        return f"there is no folder {folder}; create it"
    return f"{_user()} may not enter {there}; give the right to enter it (chmod +x)"


def _mode(path: Path | str) -> int:
    """Return type and rights; 0 for what is not there, or cannot be seen."""
    try:
        return Path(path).stat().st_mode
    except OSError:
        return 0


def _may(path: Path | str, what: int) -> bool:
    return os.access(path, what, effective_ids=os.access in os.supports_effective_ids)


def _is_mounted_read_only(path: Path | str) -> bool:
    return hasattr(os, "statvfs") and bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _user() -> str:
    return f"this user (uid {os.geteuid()})" if hasattr(os, "geteuid") else "this user"
