"""One child process, seen from its worker: a thread that starts it, hands it work and hears its answers."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Final, TypeAlias

import msgspec

from qtasks import logsetup
from qtasks.isolation import MainModule
from qtasks.serialization import describe
from qtasks.worker._wire import (
    Answer,
    Begun,
    Hello,
    Item,
    Levels,
    Logged,
    ProcessEnd,
    ProcessWork,
    Progress,
    Said,
    Stopping,
    Wire,
    socket_pair,
)

EXIT_TIME: Final = 2.0
"""Seconds that a process has to end by itself, once it has nothing to do any more."""
UNHEARD: Final = 100
"""Words of one body that wait for the loop; a body that says more waits for it too."""
_SWITCHES: Final = {
    "optimize": "O",
    "dont_write_bytecode": "B",
    "ignore_environment": "E",
    "no_user_site": "s",
    "no_site": "S",
    "isolated": "I",
}
"""Switches of the interpreter that its children get too, by their names in `sys.flags`."""
_LOOK_AGAIN: Final = 1.0
"""Seconds after which a thread that waits for the loop looks whether there still is one."""

OnSaid: TypeAlias = Callable[[Said], Awaitable[None] | None]
"""Told what a body says, in the loop; where it returns an awaitable, that ends before much more is said."""

Kind: TypeAlias = tuple[bool, str | None]
"""Whether bodies have a loop, and the only task that the process runs, if there is one."""

_answers: Final[msgspec.msgpack.Decoder[Answer]] = msgspec.msgpack.Decoder(Answer)


class ProcessJob:
    """One run in a child process: a future for its end, and the way to end it at once."""

    def __init__(
        self,
        work: ProcessWork,
        on_said: OnSaid,
        retry_on: tuple[type[BaseException], ...],
    ) -> None:
        self.work = work
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[ProcessEnd] = self.loop.create_future()
        """Never an exception. A future that is cancelled kills the process."""
        self.killed = False
        """Whether `kill` was called before the end."""
        self._on_said = on_said
        self._retry_on = retry_on
        self._room = threading.Semaphore(UNHEARD)
        self._kill: Callable[[], None] | None = None
        self._lock = threading.Lock()
        self.future.add_done_callback(self._done)

    @property
    def runs_out(self) -> bool:
        """False: nobody leaves a process alone whose outcome is not wanted any more."""
        return False

    def interrupt(self, kind: type[BaseException]) -> None:  # noqa: ARG002 - nothing is raised in it
        """Kill the process, whatever the cause is."""
        self.kill()

    def kill(self) -> None:
        """Kill the process with everything in its group; the future says so once it is dead."""
        with self._lock:
            if self.future.done() and not self.future.cancelled():
                return
            self.killed = True
            if self._kill is not None:
                self._kill()

    def held_by(self, kill: Callable[[], None] | None) -> None:
        """Say how the process is killed; None once it has ended or said the end. In its thread."""
        with self._lock:
            self._kill = kill
            if self.killed and kill is not None:
                kill()

    def say(self, said: Said) -> None:
        """Tell the loop what the body said; called in the thread of the process.

        Raises:
            RuntimeError: The loop has ended.
        """
        while not self._room.acquire(timeout=_LOOK_AGAIN):
            if self.loop.is_closed():
                raise RuntimeError("the loop has ended")
        self.loop.call_soon_threadsafe(self._hear, said)

    def ended(self, end: ProcessEnd) -> None:
        """Tell the end, in the loop."""
        if not self.future.done():
            self.future.set_result(end)

    def failed(self, text: str) -> ProcessEnd:
        """Return the end of a process that gave no answer."""
        error = ChildProcessError(text)
        retryable = not self.killed and isinstance(error, self._retry_on)
        return ProcessEnd(failure=describe(error), retryable=retryable, suspect=True)

    def _hear(self, said: Said) -> None:
        answer: Awaitable[None] | None = None
        try:
            if not self.future.done():
                answer = self._on_said(said)
        finally:
            if answer is None:
                self._room.release()
            else:
                heard = asyncio.ensure_future(answer)
                heard.add_done_callback(lambda _: self._room.release())

    def _done(self, future: asyncio.Future[ProcessEnd]) -> None:
        if future.cancelled():
            self.kill()


class ChildProcess:
    """A place for one process at a time; the process comes with the first work, and is replaced at need.

    Args:
        on_end: Called in the loop of a job after its end, with this place.
        log: Where starts and ends are told.
    """

    def __init__(self, on_end: Callable[[ChildProcess, ProcessJob], None], log: logging.Logger) -> None:
        self.kind: Kind | None = None
        """What the process is kept for; None before the first."""
        self._on_end = on_end
        self._log = log
        self._jobs: SimpleQueue[ProcessJob | None] = SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None
        self._wire: Wire[Answer] | None = None
        self._stopping = False
        self._levels: dict[str, int] | None = None
        """What the process was told of the levels of loggers; None of a new one."""
        threading.Thread(target=self._live, name="qtasks-process", daemon=True).start()

    def give(self, job: ProcessJob) -> None:
        """Run it next."""
        self._jobs.put(job)

    def say_stopping(self) -> None:
        """Let the body know that the worker was told to stop."""
        self._stopping = True
        wire = self._wire
        if wire is not None:
            with suppress(OSError):
                wire.send_at_once(Stopping())

    def close(self) -> None:
        """Let the process end, and the thread; now if it is idle."""
        self._jobs.put(None)

    def _live(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                end = self._end_of(job)
            except Exception as exc:  # noqa: BLE001 - such as a lack of memory: no run stays without an end
                self._log.exception("the process of task %r was lost", job.work.task)
                end = job.failed(f"the process of task {job.work.task!r} was lost: {exc!r}")
            job.held_by(None)
            if end.suspect:
                self._part()
            try:
                job.loop.call_soon_threadsafe(self._tell, job, end)
            except RuntimeError:
                break  # the loop has ended: nobody waits
            del job, end
        self._part()

    def _tell(self, job: ProcessJob, end: ProcessEnd) -> None:
        self._on_end(self, job)
        job.ended(end)

    def _end_of(self, job: ProcessJob) -> ProcessEnd:
        if job.killed:
            return job.failed(f"task {job.work.task!r} was killed before its process had begun")
        try:
            process, wire = self._ready(job)
            if not self._has_begun(job, process, wire) and not job.killed:
                self._part()  # it died while it was idle
                process, wire = self._ready(job)
                self._has_begun(job, process, wire)
        except (OSError, subprocess.SubprocessError) as exc:
            return job.failed(f"the process of task {job.work.task!r} could not be started: {exc}")
        return self._heard(job, process, wire)

    def _has_begun(self, job: ProcessJob, process: subprocess.Popen[bytes], wire: Wire[Answer]) -> bool:
        """Hand over the work; False where the process is gone without a word of it."""
        job.held_by(lambda: _kill(process))
        with suppress(OSError):  # one that is gone answers nothing
            self._send_levels(wire)
            wire.send(job.work)
            if self._stopping:
                wire.send(Stopping())
        while (answer := wire.receive()) is not None:
            if isinstance(answer, Begun):
                return True
            if isinstance(answer, Logged):  # something that an earlier body has left behind
                _log_here(answer)
        job.held_by(None)
        return False

    def _send_levels(self, wire: Wire[Answer]) -> None:
        """Tell which levels loggers have, where the process does not know."""
        levels = logsetup.levels()
        if levels != self._levels:
            wire.send(Levels(levels))
            self._levels = levels

    def _heard(self, job: ProcessJob, process: subprocess.Popen[bytes], wire: Wire[Answer]) -> ProcessEnd:
        while (answer := wire.receive()) is not None:
            if isinstance(answer, ProcessEnd):
                return answer
            if isinstance(answer, Logged):
                _log_here(answer)
            if isinstance(answer, Progress | Item):
                try:
                    job.say(answer)
                except RuntimeError:
                    break
        job.held_by(None)  # from here on its pid may be given to another one
        text = _how(job, _last_code(process))
        self._log.debug("%s", text)  # the end of the task is told by the worker
        return job.failed(text)

    def _ready(self, job: ProcessJob) -> tuple[subprocess.Popen[bytes], Wire[Answer]]:
        """Return a living process for this job: the one that is there, or a new one."""
        kind = kind_of(job.work)
        process, wire = self._process, self._wire
        if process is None or wire is None or kind != self.kind or process.poll() is not None:
            self._part()
            process, wire = self._process, self._wire = _start()
            self.kind = kind
            self._log.debug("process %d has started for task %s", process.pid, job.work.task)
        return process, wire

    def _part(self) -> None:
        """Let the process end. It is waited for in another thread: nothing waits for that."""
        process, wire = self._process, self._wire
        self._process = self._wire = self._levels = None
        if wire is not None:
            wire.close()
        if process is not None and process.poll() is None:
            threading.Thread(target=_last_code, args=(process,), daemon=True).start()


def kind_of(work: ProcessWork) -> Kind:
    """Return what the process of this work is kept for.

    A limit counts what earlier bodies have left in memory; so a limited task shares with itself alone.
    """
    return work.is_async, None if work.max_memory is None else work.task


def _start() -> tuple[subprocess.Popen[bytes], Wire[Answer]]:
    ours, theirs = socket_pair()
    try:
        with theirs:
            process = _spawn(theirs)
    except BaseException:
        ours.close()
        raise
    wire = Wire(ours, _answers)
    with suppress(OSError):
        wire.send(Hello(list(sys.argv), MainModule.here(), logging.getLogger().getEffectiveLevel()))
    return process, wire


def _spawn(theirs: socket.socket) -> subprocess.Popen[bytes]:
    if not sys.executable:
        raise OSError("Python does not know its own executable (sys.executable is empty)")
    path = [entry or str(Path.cwd()) for entry in sys.path]
    if sys.platform == "win32":
        return _spawn_on_windows(path, theirs)
    return subprocess.Popen(  # noqa: S603 - the command is our own
        _command(path, str(theirs.fileno())),
        stdin=subprocess.DEVNULL,
        pass_fds=(theirs.fileno(),),
        start_new_session=True,
    )


def _spawn_on_windows(path: list[str], theirs: socket.socket) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(_command(path, ""), stdin=subprocess.PIPE)  # noqa: S603 - our own command
    assert process.stdin is not None
    if sys.platform == "win32":
        with process.stdin:
            process.stdin.write(theirs.share(process.pid))
    return process


def _command(path: list[str], argument: str) -> list[str]:
    """Return the command of a child: this interpreter, with the same switches and path of imports."""
    switches = [f"-{letter * getattr(sys.flags, name)}" for name, letter in _SWITCHES.items()]
    warnings = [f"-W{rule}" for rule in sys.warnoptions]
    code = f"import sys; sys.path[:] = {path!a}; from qtasks.child.life import main; main({argument})"
    return [sys.executable, *(each for each in switches if each != "-"), *warnings, "-c", code]


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that nobody has waited for yet, with what it has started."""
    with suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


def _last_code(process: subprocess.Popen[bytes]) -> int | None:
    """Wait for the end of a process and return its code; None of one that had to be killed for it."""
    try:
        return process.wait(EXIT_TIME)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


def _log_here(said: Logged) -> None:
    """Give a line to the handlers of the root logger, as if a logger of this process had passed it on."""
    values = {"name": said.name, "levelno": said.level, "levelname": logging.getLevelName(said.level)}
    record = logging.makeLogRecord(values | {"msg": said.text, "created": said.created})
    logging.getLogger().handle(record)


def _how(job: ProcessJob, code: int | None) -> str:
    name = f"the process of task {job.work.task!r}"
    if job.killed:
        return f"{name} was killed"
    if code is None:
        return f"{name} closed its connection to the worker, and was killed"
    if code >= 0:
        return f"{name} ended itself with exit code {code}"
    limit = "" if job.work.max_memory is None else f"; its max_memory is {job.work.max_memory} bytes"
    by_system = ", probably out of memory" if -code == signal.SIGKILL else ""
    return f"{name} was ended by {signal.Signals(-code).name}{by_system}{limit}"
