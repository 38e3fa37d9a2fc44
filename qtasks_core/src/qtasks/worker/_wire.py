"""What a worker and its child processes say to each other: MessagePack in frames, over a socket."""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
from contextlib import suppress
from typing import Any, Final, Generic, TypeAlias, TypeVar
from weakref import WeakSet

import msgspec

from qtasks.isolation import MainModule
from qtasks.models import Delivery, Failure

if sys.platform != "win32":
    import fcntl

_LENGTH: Final = struct.Struct(">Q")
_LARGEST_READ: Final = 1 << 20


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """The first word to a child: what the worker was started with."""

    argv: list[str]
    main: MainModule | None
    log_level: int
    """What the root logger of the worker lets through."""


class ProcessWork(msgspec.Struct, frozen=True, kw_only=True, tag="work"):
    """One run of a task: everything that a child needs."""

    module: str
    qualname: str
    """Where the task or its function is, as its `__module__` and `__qualname__` say."""
    task: str
    """The registered name."""
    body: bytes
    """An envelope with the arguments."""
    url: str | None
    """Where the app of the worker keeps its tasks; None leaves what the module says."""
    max_memory: int | None
    """Bytes of data that the process may have while the body runs."""
    delivery: Delivery
    """What the context shows. Its own `body` is not looked at and may be empty."""
    is_async: bool
    """Whether the body needs a loop. A process has bodies with one or without, not both in turn."""
    home: str | None = None
    """The module that makes the app; it is imported first. None where no module holds it."""


class Levels(msgspec.Struct, frozen=True, tag="levels"):
    """Which levels the settings of the worker give to loggers now, by their names."""

    levels: dict[str, int]


class Stopping(msgspec.Struct, frozen=True, tag="stopping"):
    """The worker was told to stop."""


class Begun(msgspec.Struct, frozen=True, tag="begun"):
    """The first answer to work: it is in hand."""


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """What a body says of its progress."""

    share: float | None
    note: str | None


class Item(msgspec.Struct, frozen=True, tag="item"):
    """A value that a body has yielded."""

    value: bytes
    """Encoded as results are."""


class Logged(msgspec.Struct, frozen=True, tag="logged"):
    """A line of the log, for the handlers of the worker."""

    name: str
    level: int
    text: str
    created: float


class ProcessEnd(msgspec.Struct, frozen=True, tag="end", omit_defaults=True):
    """How a run ended: exactly one of `value`, `failure`, `cancelled` and `trigger` is there."""

    value: bytes | None = None
    """What the body returned, as it is stored."""
    failure: Failure | None = None
    retryable: bool = False
    """With `failure`: whether the task is tried again after such an exception, if it has tries left."""
    cancelled: str | None = None
    """The reason that `ctx.cancel` was given; may be empty."""
    trigger: bytes | None = None
    """The values that `ctx.plugin_error` was given, as a dict that is encoded as results are."""
    suspect: bool = False
    """Whether the process may be damaged: it runs nothing more."""


Order: TypeAlias = Hello | Levels | ProcessWork | Stopping
"""What a child hears."""
Said: TypeAlias = Progress | Item
"""What a body says while it runs."""
Answer: TypeAlias = Begun | Progress | Item | Logged | ProcessEnd
"""What a child says."""

M = TypeVar("M")

_open: WeakSet[Wire[Any]] = WeakSet()


class Wire(Generic[M]):
    """One end of the connection. A process that is forked from its owner does not keep it open."""

    def __init__(self, end: socket.socket, hears: msgspec.msgpack.Decoder[M]) -> None:
        self._socket = end
        self._decode = hears.decode
        self._sending = threading.Lock()
        _open.add(self)

    def send(self, message: Order | Answer) -> None:
        """Send a message. Any thread may.

        Raises:
            OSError: The other side is gone.
        """
        with self._sending:
            self._send(message)

    def send_at_once(self, message: Order) -> None:
        """Send a short message, unless another one is being sent: never waits.

        Raises:
            OSError: The other side is gone.
        """
        if self._sending.acquire(blocking=False):
            try:
                self._send(message)
            finally:
                self._sending.release()

    def receive(self) -> M | None:
        """Wait for a message; None when there will be none any more."""
        try:
            head = self._exactly(_LENGTH.size)
            data = None if head is None else self._exactly(_LENGTH.unpack(head)[0])
            return None if data is None else self._decode(data)
        except (OSError, msgspec.MsgspecError):
            return None

    def close(self) -> None:
        """End the connection, also for a thread that waits in `receive`."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def forget(self) -> None:
        """After a fork: let this process have no part in the connection, which goes on in the other."""
        self._sending = threading.Lock()
        with suppress(OSError):
            self._socket.close()

    def _send(self, message: Order | Answer) -> None:
        data = msgspec.msgpack.encode(message)
        self._socket.sendall(_LENGTH.pack(len(data)))
        self._socket.sendall(data)

    def _exactly(self, size: int) -> bytes | None:
        data = bytearray()
        while len(data) < size:
            part = self._socket.recv(min(size - len(data), _LARGEST_READ))
            if not part:
                return None
            data += part
        return bytes(data)


def _forget_all() -> None:
    for wire in list(_open):
        wire.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Return two connected ends, neither of which has the number of a standard stream."""
    one, other = socket.socketpair()
    return _above_standard(one), _above_standard(other)


def _above_standard(end: socket.socket) -> socket.socket:
    """Move a socket that has the place of a closed standard stream: it would be taken for that."""
    if sys.platform == "win32" or end.fileno() > 2:  # noqa: PLR2004 - 0, 1, 2 are the streams
        return end
    with end:
        return socket.socket(fileno=fcntl.fcntl(end.fileno(), fcntl.F_DUPFD_CLOEXEC, 3))
