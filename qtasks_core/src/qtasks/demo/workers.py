"""The worker processes of the demo: `qtasks run`, as anybody starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from qtasks.demo.app import LEDGER
from qtasks.worker.pool import LIFELINE

LEASE: Final = 2.0
SLOTS: Final = 4
_STOP_TIME: Final = 10.0


class WorkerEnded(Exception):
    """A worker that nobody has killed is gone."""


class Workers:
    """Starts and kills workers; leaving the context stops those that are left.

    Args:
        url: Where the tasks are.
        folder: Where the ledger and the log of the workers go.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.ledger = folder / "ledger"
        self.log = folder / "workers.log"
        self.command = _command(url)
        self._alive: dict[int, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        # The end of this process, however it comes, ends the pipe, and that ends the workers.
        self._line, self._kept = os.pipe()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._alive.values():
            process.terminate()
        for process in self._alive.values():
            try:
                process.wait(_STOP_TIME)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._alive.clear()
        os.close(self._kept)
        os.close(self._line)

    def start(self) -> int:
        """Start one more and return its process id."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - the command is our own
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, LEDGER: str(self.ledger), LIFELINE: str(self._line)},
                pass_fds=(self._line,),
                start_new_session=True,  # Ctrl+C reaches the demo alone, which stops them
            )
        self._alive[process.pid] = process
        return process.pid

    def kill(self, pid: int) -> None:
        """Kill one with SIGKILL, which no process can see coming."""
        process = self._alive.pop(pid)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def check(self) -> None:
        """See whether all are alive.

        Raises:
            WorkerEnded: One is not; the text holds the end of its log.
        """
        for process in self._alive.values():
            if process.poll() is not None:
                log = self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise WorkerEnded(f"worker {process.pid} has ended with {process.returncode}:\n{log}")


def _command(url: str) -> Sequence[str]:
    own = (sys.executable, "-m", "qtasks", "-A", "qtasks.demo.app:app", "run", "--url", url)
    return (*own, "--lease", str(LEASE), "--concurrency", str(SLOTS), "--log-level", "warning")
