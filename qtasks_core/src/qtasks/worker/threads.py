"""Threads for `def` tasks.

The standard pool joins its threads at exit, so one body that never returns would keep the process for
ever. These are daemon threads, and one that does not end can be given up and replaced.
"""

from __future__ import annotations

import asyncio
import contextvars
import ctypes
import threading
from collections.abc import Callable, Coroutine
from queue import SimpleQueue
from typing import Any

Work = Callable[[], Any]


class Job:
    """One call in a thread: a future for its end, and the way to interrupt it."""

    __slots__ = ("_cancel", "_ident", "_interrupted", "_lock", "_work", "future")

    def __init__(self, work: Work, cancel: Callable[[], bool] | None = None) -> None:
        self.future: asyncio.Future[tuple[Any, BaseException | None]] = (
            asyncio.get_running_loop().create_future()
        )
        self._work = work
        self._cancel = cancel
        self._ident: int | None = None
        self._interrupted: type[BaseException] | None = None
        """Set where the interruption came before a thread had begun."""
        self._lock = threading.Lock()

    @property
    def runs_out(self) -> bool:
        """True: a thread whose outcome nobody wants is left alone."""
        return True

    def run(self) -> None:
        """Do the work in the calling thread and tell the loop."""
        try:
            self._tell(*self._attempt())
        except BaseException as exc:  # noqa: BLE001 - an interrupt that came at the very end
            self._tell(None, exc)

    def _attempt(self) -> tuple[Any, BaseException | None]:
        with self._lock:
            if self._interrupted is not None:
                return None, self._interrupted()
            self._ident = threading.get_ident()
        try:
            return self._work(), None
        except BaseException as exc:  # noqa: BLE001 - whatever a body raises is its outcome
            return None, exc
        finally:
            with self._lock:
                self._ident = None

    def interrupt(self, kind: type[BaseException]) -> None:
        """Raise an exception in the thread at its next bytecode; a call into C is not interrupted.

        Work that has not begun yet does not begin any more.
        """
        with self._lock:
            self._interrupted = kind
            if self._cancel is not None and self._cancel():
                return
            if self._ident is not None:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self._ident), ctypes.py_object(kind)
                )

    def _tell(self, value: Any, error: BaseException | None) -> None:
        try:
            self.future.get_loop().call_soon_threadsafe(_resolve, self.future, (value, error))
        except RuntimeError:
            return  # the loop has ended: nobody waits


def _resolve(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)


class OwnLoop:
    """A coroutine in a loop of its own, in a thread: one that waits there runs no line of Python."""

    def __init__(self, start: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._start = start
        self._task: asyncio.Task[Any] | None = None
        self._is_cancelled = False

    def run(self) -> Any:
        """Run it in the calling thread and return its value."""
        return asyncio.run(self._live())

    def cancel(self) -> bool:
        """Cancel it from any thread; False where it has ended."""
        self._is_cancelled = True
        task = self._task
        if task is None:
            return True  # its first step looks
        try:
            task.get_loop().call_soon_threadsafe(task.cancel)
        except RuntimeError:
            return False  # the loop has ended
        return True

    async def _live(self) -> Any:
        self._task = asyncio.current_task()
        if self._is_cancelled:
            raise asyncio.CancelledError
        return await self._start()


class Threads:
    """As many daemon threads as there is work at one time; an idle one is taken first."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._idle = 0
        self._count = 0
        self._lock = threading.Lock()

    def submit(self, work: Work, cancel: Callable[[], bool] | None = None) -> Job:
        """Run `work` in a thread, with the context variables of the caller.

        Args:
            work: What to run.
            cancel: Ends it gently; False says that this is not possible now.
        """
        context = contextvars.copy_context()
        job = Job(lambda: context.run(work), cancel)
        with self._lock:
            spawn = self._idle <= self._jobs.qsize()
            self._count += spawn
        self._jobs.put(job)
        if spawn:
            threading.Thread(target=self._work, name=f"qtasks-task-{self._count}", daemon=True).start()
        return job

    def close(self) -> None:
        """Let the idle threads end, and each busy one after its work."""
        with self._lock:
            for _ in range(self._count):
                self._jobs.put(None)

    def _work(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            job = self._jobs.get()
            with self._lock:
                self._idle -= 1
            if job is None:
                return
            job.run()
            del job
