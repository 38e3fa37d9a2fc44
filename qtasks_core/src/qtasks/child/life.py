"""The life of a child process: one body at a time, until the worker is gone or lets it go."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from queue import SimpleQueue
from types import FrameType
from typing import Final

import msgspec

from qtasks.child.body import Bodies
from qtasks.isolation import MainModule
from qtasks.logsetup import take_levels
from qtasks.worker._wire import Answer, Begun, Hello, Levels, Logged, Order, ProcessWork, Stopping, Wire

EXIT_TIME: Final = 1.0
"""Seconds that exit handlers and threads of bodies have at the end."""


def main(fd: int | None = None) -> None:
    """Serve the worker at the other end of a socket; the last thing that a process does.

    Args:
        fd: The socket; None on Windows, where it comes through standard input.
    """
    _leave_signals_to_worker()
    end = socket.socket(fileno=fd) if fd is not None else _shared()
    end.set_inheritable(False)
    child = Child(Wire(end, msgspec.msgpack.Decoder(Order)))
    child.serve()


class Child:
    """The life of a child process. A thread hears the worker, the main thread runs bodies.

    Args:
        wire: The connection to the worker.
    """

    def __init__(self, wire: Wire[Order]) -> None:
        self._wire = wire
        self._orders: SimpleQueue[ProcessWork | None] = SimpleQueue()
        self._came = asyncio.Event()
        self._busy = False
        self._bodies = Bodies(self._say)

    def serve(self) -> None:
        """Run what comes until the worker is gone."""
        hello = self._wire.receive()
        if not isinstance(hello, Hello):
            return
        sys.argv[:] = hello.argv
        _send_log(self._wire, hello.log_level)
        self._bodies.modules.main = hello.main or MainModule()
        threading.Thread(target=self._hear, name="qtasks-worker", daemon=True).start()
        try:
            while (work := self._next()) is not None:
                self._run(work)
        finally:
            self._bodies.runner.close()

    def _next(self) -> ProcessWork | None:
        """Wait for work. A loop that bodies have used goes on meanwhile: their connections live in it."""
        bodies = self._bodies
        return bodies.runner.run(self._awaited()) if bodies.has_loop else self._orders.get()

    async def _awaited(self) -> ProcessWork | None:
        while self._orders.empty():
            self._came.clear()
            if self._orders.empty():
                await self._came.wait()
        return self._orders.get_nowait()

    def _run(self, work: ProcessWork) -> None:
        _leave_signals_to_worker()  # a body before may have changed it
        self._say(Begun())
        end = self._bodies.end_of(work)
        _flush()
        self._busy = False
        self._say(end)

    def _say(self, answer: Answer) -> None:
        """Tell the worker; a process that nobody hears ends, and so does one that a body has forked."""
        try:
            self._wire.send(answer)
        except OSError:
            os._exit(1)

    def _hear(self) -> None:
        with suppress(MemoryError):  # the limit of a body holds in this thread too: it ends the body
            while (order := self._wire.receive()) is not None:
                self._take(order)
        if self._busy:
            _end_group()
        self._put(None)
        time.sleep(EXIT_TIME)
        os._exit(0)

    def _take(self, order: Order) -> None:
        if isinstance(order, ProcessWork):
            self._busy = True
            self._put(order)
        elif isinstance(order, Levels):
            take_levels(order.levels)
        elif isinstance(order, Stopping):
            self._bodies.is_stopping = True

    def _put(self, work: ProcessWork | None) -> None:
        self._orders.put(work)
        if self._bodies.has_loop:
            with suppress(RuntimeError):  # it is closed: nobody waits in it
                self._bodies.runner.get_loop().call_soon_threadsafe(self._came.set)


class _Relay(logging.Handler):
    """Gives the log to the worker, whose handlers know where it belongs."""

    def __init__(self, wire: Wire[Order]) -> None:
        super().__init__()
        self._wire = wire

    def emit(self, record: logging.LogRecord) -> None:
        """Send a line."""
        try:
            self._wire.send(Logged(record.name, record.levelno, self.format(record), record.created))
        except Exception:  # noqa: BLE001 - a line that cannot be written disturbs nobody
            self.handleError(record)


def _send_log(wire: Wire[Order], level: int) -> None:
    root = logging.getLogger()
    root.addHandler(_Relay(wire))
    root.setLevel(level)


def _shared() -> socket.socket:
    if sys.platform == "win32":
        return socket.fromshare(sys.stdin.buffer.read())
    raise AssertionError


def _leave_signals_to_worker() -> None:
    """Let SIGINT and SIGTERM, which a terminal or a service manager sends to all, end the worker alone.

    A handler and not SIG_IGN: programs that a body starts must not inherit it.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _ignore)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Do nothing."""


def _as_usual() -> None:
    """In a process that a body has forked: signals end it as they end others."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_as_usual)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # closed, or replaced by the body
            stream.flush()


def _end_group() -> None:
    """End this process and what its body has started: the worker is gone, and with it the slot."""
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)
