"""`--processes N`: a supervisor that keeps worker processes running, and is never survived by them.

A child holds the reading end of a pipe whose writing end only the supervisor has. The end of the
supervisor, however it comes, ends the pipe, and the child stops as if SIGTERM had come.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from logging import Logger
from types import FrameType, TracebackType
from typing import Final, Self

from qtasks.errors import UsageError

LIFELINE: Final = "QTASKS_LIFELINE"
"""The variable that tells a child the number of its end of the pipe, and whether it replaces another."""
_AGAIN: Final = "again"

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
HEALTHY_AFTER: Final = 10.0
"""Seconds of life after which the pause before a restart begins small again."""

SETTLING: Final = 6.0
"""Seconds that a child has after its grace, before it is killed: a worker needs somewhat less to stop."""

ONE_SIGNAL: Final = 0.5
"""Seconds within which repeated signals are one: a wrapper and the terminal often send the same."""

EXHAUSTED: Final = 3
"""Code of a child whose bodies cannot be ended: nothing is wrong with the next one, which starts at once."""

_CLEAN: Final = frozenset({0, -signal.SIGTERM})
"""Codes of a child that ended as asked; SIGTERM itself ends one that has not begun to work."""


@dataclass(slots=True)
class _Child:
    """One of the N places; its process comes and goes."""

    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    pause: float = FIRST_PAUSE


class Pool:
    """Runs N copies of a command until it is told to stop, and replaces those that end.

    SIGTERM or SIGINT stops them gracefully, a second one hurries them, a third kills them. They have
    sessions of their own, so Ctrl+C reaches the supervisor alone.

    Args:
        command: What a child executes.
        processes: How many.
        grace: Seconds that a child may take to stop before it starts to clean up.
        log: Where starts and ends are told.

    Raises:
        UsageError: The operating system has no sessions and signals.
    """

    def __init__(self, command: Sequence[str], processes: int, grace: float, log: Logger) -> None:
        if os.name != "posix":
            raise UsageError("--processes needs a POSIX system; start the command several times instead")
        self._command = list(command)
        self._children = [_Child() for _ in range(processes)]
        self._grace = grace
        self._log = log
        self._asked = 0
        """How often a stop was asked for: 1 is graceful, 2 hurries, 3 kills."""
        self._asked_at = 0.0
        self._killed = False
        self._code = 0

    def run(self) -> int:
        """Supervise, in the main thread, until every child has ended after a stop.

        It is the last thing that a process does: from then on SIGTERM and SIGINT are ignored.

        Returns:
            0 after a clean stop; 1 if a child had to be killed or failed while it stopped.
        """
        line, kept = os.pipe()
        try:
            with _Signals() as signals:
                while self._tend(line):
                    for number in signals.wait(self._patience()):
                        if number in {signal.SIGTERM, signal.SIGINT}:
                            self._ask_to_stop()
        finally:
            os.close(kept)
            os.close(line)
        return self._code

    def _tend(self, line: int) -> bool:
        """Bury the dead, start what is due, kill what is overdue; False when nothing is left to do."""
        now = time.monotonic()
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                self._bury(child, child.process, now)
            if child.process is None and not self._asked and child.start_at <= now:
                self._start(child, line, now)
        if self._asked and not self._killed and self._overdue(now) <= 0:
            self._kill()
        return not self._asked or any(child.process is not None for child in self._children)

    def _patience(self) -> float | None:
        """Return the seconds until there is something to do without a signal; None is for ever."""
        now = time.monotonic()
        if self._asked:
            return None if self._killed else max(self._overdue(now), 0.0)
        waiting = [child.start_at for child in self._children if child.process is None]
        return max(min(waiting) - now, 0.0) if waiting else None

    def _overdue(self, now: float) -> float:
        """Return the seconds until children that are still there are killed."""
        grace = self._grace if self._asked == 1 else 0.0
        return self._asked_at + grace + SETTLING - now

    def _start(self, child: _Child, line: int, now: float) -> None:
        try:
            child.process = subprocess.Popen(  # noqa: S603 - the command is our own
                self._command,
                stdin=subprocess.DEVNULL,
                pass_fds=(line,),
                env={**os.environ, LIFELINE: f"{line} {_AGAIN}" if child.started_at else str(line)},
                start_new_session=True,
            )
        except OSError as exc:
            child.start_at = now + self._pause(child, 0.0)
            self._log.error("cannot start a worker process: %s", exc)
            return
        child.started_at = now
        self._log.info("worker process %d has started", child.process.pid)

    def _bury(self, child: _Child, process: subprocess.Popen[bytes], now: float) -> None:
        child.process = None
        if self._asked:
            self._log.info("worker process %d has stopped: %s", process.pid, _how(process.returncode))
            if process.returncode not in _CLEAN:
                self._code = 1
            return
        is_spent = process.returncode == EXHAUSTED
        pause = 0.0 if is_spent else self._pause(child, now - child.started_at)
        child.start_at = now + pause
        self._log.warning(
            "worker process %d has ended (%s); the next one starts in %.1f s",
            process.pid,
            _how(process.returncode),
            pause,
        )

    def _pause(self, child: _Child, lived: float) -> float:
        pause = FIRST_PAUSE if lived >= HEALTHY_AFTER else child.pause
        child.pause = min(pause * 2, LONGEST_PAUSE)
        return pause

    def _ask_to_stop(self) -> None:
        now = time.monotonic()
        if self._asked and now - self._asked_at < ONE_SIGNAL:
            return
        self._asked, self._asked_at = self._asked + 1, now
        if self._asked > 2:  # noqa: PLR2004 - the third one
            self._kill()
            return
        self._log.info("stopping; a further signal %s", "hurries" if self._asked == 1 else "kills")
        for child in self._children:
            if child.process is not None:
                child.process.terminate()

    def _kill(self) -> None:
        """Kill the children that are left, with everything in their sessions."""
        self._killed = True
        for child in self._children:
            if child.process is not None and child.process.poll() is None:
                self._log.warning("worker process %d is killed", child.process.pid)
                with suppress(ProcessLookupError):
                    os.killpg(child.process.pid, signal.SIGKILL)
                self._code = 1


class _Signals:
    """SIGTERM, SIGINT and SIGCHLD as bytes of a pipe: none is lost, and none interrupts anything.

    Afterwards the first two are ignored: a late repeat must not spoil an exit that is under way.
    """

    def __enter__(self) -> Self:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, _note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        os.close(self._read)
        os.close(self._write)

    def wait(self, timeout: float | None) -> bytes:
        """Return the numbers of the signals that have come, as soon as one has."""
        ready = select.select([self._read], [], [], timeout)[0]
        return os.read(self._read, 4096) if ready else b""


def _note(number: int, frame: FrameType | None) -> None:
    """Do nothing: a signal with a handler writes its number into the pipe."""


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {-code}"


class Lifeline:
    """The child's end of the pipe, watched by a daemon thread."""

    def __init__(self, fd: int, *, is_replacement: bool) -> None:
        self.is_replacement = is_replacement
        """Whether a process had this place before."""
        self.grace = 30.0
        """Seconds after which a child that has not stopped by itself is killed, and `SETTLING` more."""
        self._fd = fd
        os.set_inheritable(fd, False)
        threading.Thread(target=self._watch, name="qtasks-lifeline", daemon=True).start()

    def _watch(self) -> None:
        with suppress(OSError):
            while os.read(self._fd, 1):
                pass  # nobody writes; only the end counts
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(self.grace + SETTLING)
        os.killpg(os.getpgrp(), signal.SIGKILL)


def hold_lifeline() -> Lifeline | None:
    """In a child of a `Pool`: stop, as by SIGTERM, when the supervisor is gone. Else return None.

    The first thing that a child does. The variable is taken out of the environment, so that programs
    which a task starts are no children of the pool.
    """
    line = os.environ.pop(LIFELINE, None)
    if line is None:
        return None
    fd, _, again = line.partition(" ")
    return Lifeline(int(fd), is_replacement=again == _AGAIN)
