"""Where processes run, what they use, and what kind of machine it is."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

CORES = sorted(os.sched_getaffinity(0))
_TICK = os.sysconf("SC_CLK_TCK")
_LOOK = 0.5


class Pinning:
    """Which cores a measured process gets.

    On virtual machines a wake-up between two cores can cost four times one within a core, and what is
    not pinned flips between the two. So what is compared runs in the same places: the one process that
    is measured on the first core, the caller on the last one. Two workers get all cores.
    """

    def __init__(self, *, wanted: bool) -> None:
        self.wanted = wanted and len(CORES) > 1

    @property
    def worker(self) -> Sequence[int]:
        """For the process that does the work."""
        return CORES[:1] if self.wanted else CORES

    @property
    def caller(self) -> Sequence[int]:
        """For the process that waits for it."""
        return CORES[-1:] if self.wanted else CORES


def threads_seconds(pid: int) -> float:
    """Return the seconds that a process has computed, to the nanosecond: of its living threads."""
    total = 0
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        total += int(path.read_text().split()[0])
    return total / 1e9


def memory(pid: int, field: str) -> float:
    """Return `VmRSS` or `VmHWM` (the most that it has ever been) of a process, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(field)


def busy_seconds() -> float:
    """Return the seconds that all cores have computed since the start of the machine."""
    user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / _TICK


def wait_until_quiet(limit: float, patience: float) -> None:
    """Return when all processes together use fewer cores than `limit`, or patience is over."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        began, busy = time.monotonic(), busy_seconds()
        time.sleep(_LOOK)
        if (busy_seconds() - busy) / (time.monotonic() - began) < limit:
            return


def own_seconds() -> float:
    """Return the seconds that this process and its ended children have computed."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def facts() -> dict[str, Any]:
    """Return what a reader must know of the machine and of the software."""
    return {
        "cores": len(CORES),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "qtasks": version("qtasks"),
        "aiosqlite": version("aiosqlite"),
        "byteorder": sys.byteorder,
    }
