"""The header of a write-ahead log: sqlite.org/fileformat2.html, section 4.1."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

HEADER: Final = 32
"""Bytes."""

_TRIES: Final = 3
"""A header may be read in the moment in which it is written."""

_FORMAT: Final = 3007000
_MAGIC: Final = {0x377F0682: "<", 0x377F0683: ">"}
"""What a log begins with, and the order of bytes that its sums are made in."""


def is_damaged(log: str) -> bool:
    """Whether SQLite would drop what is in this log, if nobody had it open.

    The file is only read; no locks are on it that closing it would take away.
    """
    for _ in range(_TRIES):
        try:
            with Path(log).open("rb") as file:
                header = file.read(HEADER)
        except OSError:
            return False
        if is_sound(header):
            return False
    return True


def is_sound(header: bytes) -> bool:
    """Whether SQLite would read on behind these first bytes; where not, it drops the whole log.

    A log without a whole header is sound: no commit is in it. So is one of zeros, as a power failure may
    leave it: SQLite forces the header before the first commit.
    """
    if len(header) < HEADER or not header.strip(b"\0"):
        return True
    magic, version, *_, first, second = struct.unpack(">8I", header[:HEADER])
    order = _MAGIC.get(magic)
    return order is not None and version == _FORMAT and _sums(header[:24], order) == (first, second)


def _sums(data: bytes, order: str) -> tuple[int, int]:
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    first = second = 0
    for one, other in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & 0xFFFF_FFFF
        second = (second + other + first) & 0xFFFF_FFFF
    return first, second
