"""Worker processes that are killed and replaced."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from storm.app import LEDGER

from qtasks.worker.pool import LIFELINE

TESTS = Path(__file__).parents[1]


class Workers:
    """The worker processes of a storm; none is left when the context ends.

    Args:
        url: Where the tasks are.
        folder: Where the ledger and the log go.
        concurrency: Slots of each.
    """

    def __init__(self, url: str, folder: Path, concurrency: int) -> None:
        self.ledger = folder / "ledger"
        self.log = folder / "workers.log"
        self._command = [sys.executable, "-m", "qtasks", "-A", "storm.app:app", "run", "--url", url]
        self._command += ["--concurrency", str(concurrency), "--log-level", "warning"]
        self.processes: list[subprocess.Popen[bytes]] = []
        self.killed: dict[int, float] = {}
        """Process ids and moments on the monotonic clock."""

    def __enter__(self) -> Self:
        self._line, self._kept = os.pipe()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()
        os.close(self._kept)
        os.close(self._line)

    def start(self) -> subprocess.Popen[bytes]:
        """Start one more."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=TESTS,
                env={**os.environ, LEDGER: str(self.ledger), LIFELINE: str(self._line)},
                pass_fds=(self._line,),
            )
        self.processes.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill it as nothing can foresee."""
        process.send_signal(signal.SIGKILL)
        self.killed[process.pid] = time.monotonic()
        process.wait()
        self.processes.remove(process)

    def faults(self) -> list[str]:
        """Return what is wrong with those that nobody has killed."""
        ended = [process for process in self.processes if process.poll() is not None]
        if not ended:
            return []
        text = self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
        return [f"worker {process.pid} has ended with {process.returncode}: {text}" for process in ended]
