"""Run coroutines on a background loop and wait: what the blocking face stands on.

One daemon thread with one loop per process, made at first use. A forked child gets a fresh one.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from typing_extensions import ParamSpec

from qtasks.errors import BackendUnavailable, UsageError
from qtasks.guards import in_loop

P = ParamSpec("P")
T = TypeVar("T")

CLOSE_TIME = 5.0
"""Seconds that the end of the program waits for connections to close."""


class Portal:
    """A loop in a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the running loop, started at first use."""
        with self._lock:
            if self._loop is None:
                started: Future[asyncio.AbstractEventLoop] = Future()
                threading.Thread(target=_serve, args=(started,), name="qtasks-portal", daemon=True).start()
                self._loop = started.result()
            return self._loop

    def forget(self) -> None:
        """Leave the loop behind: in a forked child its thread does not exist."""
        self._lock = threading.Lock()
        self._loop = None


def _serve(started: Future[asyncio.AbstractEventLoop]) -> None:
    asyncio.run(_live(started))


async def _live(started: Future[asyncio.AbstractEventLoop]) -> None:
    """Keep the loop until the main thread has ended; the end of the loop closes what is open in it."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def watch() -> None:
        # Other threads that are no daemons, such as those of a driver, keep the interpreter alive
        # until they end; they are told here, since exit handlers would run only after them.
        threading.main_thread().join()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=watch, name="qtasks-portal-watch", daemon=True).start()
    started.set_result(loop)
    await ended.wait()


PORTAL = Portal()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=PORTAL.forget)


def call(
    home: Callable[[], asyncio.AbstractEventLoop | None],
    function: Callable[P, Coroutine[Any, Any, T]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run `function(*args, **kwargs)` where the app is at home, else in the portal's loop; return its value.

    If a worker makes its own loop the home meanwhile, the call is made again there: a backend that
    stops answers what it has begun, so nothing is done twice.

    Raises:
        UsageError: A loop is running in this thread; waiting here would stop it.
    """
    if in_loop():
        name = getattr(function, "__name__", "the call")
        raise UsageError(
            f"{name}() would block the loop that is running in this thread;"
            f" use the asynchronous face there: `from qtasks.asyncio import QueueTasks`, `await ….{name}()`"
        )
    while True:
        loop = home() or PORTAL.loop()
        try:
            return _run(loop, function(*args, **kwargs))
        except (UsageError, BackendUnavailable):
            if (home() or loop) is loop:
                raise


def _run(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T]) -> T:
    future = asyncio.run_coroutine_threadsafe(coroutine, loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise
