"""The clock that leases are measured on: one for all processes of the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from qtasks.worker.identity import boot_identity

_BOOT_TIME: Final = frozenset({"boottime", "7"})
"""How /proc names the clock; older kernels give its number."""

_NANOSECOND: Final = 1e-9


def clock_id() -> str:
    """Name the boot whose clock it is; empty where that cannot be told."""
    return boot_identity().partition("/")[0]


def boot_shift() -> float:
    """Return how far the boot clock of this process is ahead of that of the machine, in seconds.

    A container may have a time namespace of its own: time_namespaces(7). Moments that other processes
    read are on the clock of the machine.
    """
    try:
        lines = Path("/proc/self/timens_offsets").read_text(encoding="ascii").splitlines()
    except OSError:  # no such namespaces here
        return 0.0
    for line in lines:
        name, seconds, nanoseconds = line.split()
        if name in _BOOT_TIME:
            return int(seconds) + int(nanoseconds) * _NANOSECOND
    return 0.0
