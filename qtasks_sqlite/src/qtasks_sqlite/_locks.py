"""Which processes hold locks on a database: proc(5), `locks`, and sqlite.org/walformat.html, section 2.3.

The lists of the kernel are only read. To try the locks, or even to open and close one of the files
here, would take away those that this process has on it (sqlite.org/howtocorrupt.html, section 2.2).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_WRITING: Final = (120, 120)
"""The byte of `-shm` that a transaction locks which writes."""

_READING: Final = (123, 127)
"""The bytes of which a transaction locks one that reads."""

_WHOLE: Final = (0x4000_0000, 0x4000_01FF)
"""The bytes of the database itself that are locked exclusively outside of the log: VACUUM and the like."""


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock of one process on a range of bytes."""

    pid: int
    exclusive: bool
    first: int
    last: int

    def touches(self, span: tuple[int, int]) -> bool:
        """Whether it is on one of these bytes."""
        return self.first <= span[1] and span[0] <= self.last


def locks_on(device: int, inode: int, text: str) -> Iterator[Lock]:
    """Yield the locks on a file that this text of `/proc/locks` tells of."""
    file = f"{os.major(device):02x}:{os.minor(device):02x}:{inode}"
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == 8 and fields[5] == file:  # noqa: PLR2004 - a line of one who waits has an arrow more
            _, _, _, kind, pid, _, first, last = fields
            yield Lock(int(pid), kind == "WRITE", int(first), 2**63 if last == "EOF" else int(last))


def writers(path: str) -> list[int]:
    """Return the ids of the processes that keep others from writing; empty where that is not known."""
    return sorted(
        {lock.pid for lock in _locks(f"{path}-shm") if lock.exclusive and lock.touches(_WRITING)}
        | {lock.pid for lock in _locks(path) if lock.exclusive and lock.touches(_WHOLE)}
    )


def readers(path: str) -> list[int]:
    """Return the ids of the processes with an open transaction that reads; empty where that is not known."""
    return sorted({lock.pid for lock in _locks(f"{path}-shm") if lock.touches(_READING)})


def in_words(pids: Iterable[int]) -> str:
    """Return what people call these processes: `process 7 (python)`."""
    return ", ".join(f"process {pid}{_name(pid)}" for pid in pids)


def _locks(path: str) -> list[Lock]:
    try:
        status = Path(path).stat()
        text = Path("/proc/locks").read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    return list(locks_on(status.st_dev, status.st_ino, text))


def _name(pid: int) -> str:
    try:
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
    return f" ({name})"
