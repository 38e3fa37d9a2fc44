"""Run coroutines on a background loop and wait: what the blocking face stands on.

One thread with one loop per process, made at first use. A forked child gets a fresh one.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar
from weakref import WeakSet

from typing_extensions import ParamSpec

from qtasks.context import advice_for_plain_on_loop
from qtasks.errors import BackendUnavailable, UsageError
from qtasks.guards import in_loop

P = ParamSpec("P")
T = TypeVar("T")


class Portal:
    """A loop in a thread of its own. It ends with the last thread that may still call.

    The interpreter waits for threads that are no daemons before it calls its exit handlers, and those
    of a driver end only with their connections. So the loop watches the threads of the program.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._callers: WeakSet[threading.Thread] = WeakSet()

    def enter(self) -> None:
        """Keep the loop as long as the calling thread lives, unless that is a daemon."""
        with self._lock:
            self._callers.add(threading.current_thread())
            ending = self._thread if self._loop is None else None
        if ending is not None:
            ending.join()

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the running loop, started at first use."""
        with self._lock:
            if self._loop is None:
                started: Future[asyncio.AbstractEventLoop] = Future()
                # No daemon: what is at home in its loop works as long as the program.
                self._thread = threading.Thread(target=self._serve, args=(started,), name="qtasks-portal")
                self._thread.daemon = False
                self._thread.start()
                self._loop = started.result()
            return self._loop

    def forget(self) -> None:
        """Leave the loop behind: in a forked child its thread does not exist."""
        self.__init__()  # type: ignore[misc] # the lock may be held by a thread that does not exist here

    def _serve(self, started: Future[asyncio.AbstractEventLoop]) -> None:
        asyncio.run(self._live(started))

    async def _live(self, started: Future[asyncio.AbstractEventLoop]) -> None:
        """Keep the loop while somebody may call; the end of the loop closes what is open in it."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def watch() -> None:
            while (caller := self._caller()) is not None:
                caller.join()
            loop.call_soon_threadsafe(ended.set)

        threading.Thread(target=watch, name="qtasks-portal-watch", daemon=True).start()
        started.set_result(loop)
        await ended.wait()

    def _caller(self) -> threading.Thread | None:
        """Return a thread of the program that lives; None says that there is none, and that the loop ends."""
        with self._lock:
            for thread in (threading.main_thread(), *self._callers):
                if not thread.daemon and thread.is_alive():
                    return thread
            self._loop = None
            return None


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
        advice = advice_for_plain_on_loop() or (
            f"use the asynchronous face there: `from qtasks.asyncio import QueueTasks`, `await ….{name}()`"
        )
        raise UsageError(f"{name}() would block the loop that is running in this thread; {advice}")
    PORTAL.enter()
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
