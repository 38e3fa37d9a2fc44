"""Threads of the driver, which must neither keep a program alive nor be used after a fork."""

from __future__ import annotations

import asyncio
import ctypes
import os
import threading
from typing import Any, Final, Protocol

import aiosqlite

GRACE: Final = 2.0
"""Seconds that a loop has, after the end of the main thread, to close its connections itself."""


class Closeable(Protocol):
    """An engine with connections, at home in one loop."""

    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    """The one that the loop runs in."""
    closed: threading.Event

    def cancel(self) -> None:
        """Close soon. Called in the loop."""
        ...

    def stop_threads(self) -> None:
        """End the threads of the connections at once. Called from any thread."""
        ...


class Guard:
    """Closes at the end of the program what nobody has closed.

    The threads of the driver are no daemons: the interpreter waits for them, and only then calls
    its exit handlers. So somebody has to wait for the main thread.
    """

    def __init__(self) -> None:
        self._open: set[Closeable] = set()
        self._watching = False
        self._lock = threading.Lock()

    def add(self, engine: Closeable) -> None:
        """Watch over an engine."""
        with self._lock:
            self._open.add(engine)
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, name="qtasks-sqlite-guard", daemon=True).start()

    def remove(self, engine: Closeable) -> None:
        """Watch over it no more: it is closed."""
        with self._lock:
            self._open.discard(engine)

    def leave_behind(self) -> None:
        """In a forked child: never touch, nor even close, what belongs to the parent."""
        for engine in self._open:
            # Never freed: to close a connection that another process has opened confuses its locks
            # (sqlite.org/howtocorrupt.html, section 2.6).
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(engine))
        self.__init__()  # type: ignore[misc] # the lock may be held by a thread that does not exist here

    def _watch(self) -> None:
        threading.main_thread().join()
        while self._open:
            engine = next(iter(self._open))
            _end(engine)
            self.remove(engine)


def _end(engine: Closeable) -> None:
    if not engine.thread.daemon and engine.thread is not threading.main_thread():
        engine.thread.join()  # somebody still works there, and keeps the program alive by right
    if engine.loop.is_running():
        try:
            engine.loop.call_soon_threadsafe(engine.cancel)
        except RuntimeError:  # closed in this very moment
            pass
        else:
            engine.closed.wait(GRACE)
    if not engine.closed.is_set():
        engine.stop_threads()


def make_daemon(connection: aiosqlite.Connection) -> None:
    """Let the interpreter end without this connection, where the driver allows that (before 0.22)."""
    thread: Any = connection
    if isinstance(thread, threading.Thread):
        thread.daemon = True


def stop_thread(connection: aiosqlite.Connection) -> None:
    """End the thread of a connection, from any thread (the driver can since 0.22)."""
    stop = getattr(connection, "stop", None)
    if stop is not None:
        stop()


GUARD: Final = Guard()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=GUARD.leave_behind)
