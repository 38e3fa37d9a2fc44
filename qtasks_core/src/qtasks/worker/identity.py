"""Who this worker process is, so that others can tell whether it still exists."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path

from qtasks.ids import new_id
from qtasks.models import WorkerInfo


def this_worker(queues: Sequence[str], slots: int, now: float, tasks: Sequence[str] = ()) -> WorkerInfo:
    """Describe the calling process as a worker. Each call is a new worker."""
    pid = os.getpid()
    host = socket.gethostname()
    return WorkerInfo(
        id=f"{host}-{pid}-{new_id()[-12:]}",
        host=host,
        pid=pid,
        boot=boot_identity(),
        pid_started=started(pid) or "",
        queues=tuple(queues),
        slots=slots,
        started_at=now,
        tasks=tuple(tasks),
    )


def boot_identity() -> str:
    """Name the running system, the process and the time namespace; empty where that cannot be told.

    A pid and the moment of its start mean something only inside them: proc(5),
    /proc/sys/kernel/random/boot_id; namespaces(7).
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}/{_time_namespace()}"
    except OSError:
        return ""


def _time_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/time").readlink())
    except OSError:  # before Linux 5.6: there is only one
        return ""


def started(pid: int) -> str | None:
    """Return when a process was started, in clock ticks since boot (proc(5), field 22), or None."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]


def is_gone(worker: WorkerInfo) -> bool:
    """Whether that process provably exists no more: seen from the same system, or an older boot of it."""
    here = boot_identity()
    if not here or not worker.boot or worker.host != socket.gethostname():
        return False
    if worker.boot.partition("/")[0] != here.partition("/")[0]:
        return True  # the host has been started anew since
    return worker.boot == here and started(worker.pid) != worker.pid_started
