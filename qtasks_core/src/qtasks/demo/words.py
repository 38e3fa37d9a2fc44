"""What the demo computes: with QTasks and, to compare, without."""

from __future__ import annotations

import hashlib
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Measured:
    """What is found out of one file."""

    words: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Totals:
    """What is found out of all files."""

    words: int
    sha256: str
    """Of the digests of the files, in the order of the files."""


def library() -> list[Path]:
    """Return every `.py` file of the standard library of the running Python, sorted."""
    root = Path(sysconfig.get_path("stdlib"))
    foreign = {"site-packages", "dist-packages"}
    found = (path for path in root.rglob("*.py") if foreign.isdisjoint(path.relative_to(root).parts))
    return sorted(path for path in found if path.is_file())


def measure(path: Path) -> Measured:
    """Hash a file and count its words."""
    content = path.read_bytes()
    return Measured(words=len(content.split()), sha256=hashlib.sha256(content).hexdigest())


def combine(measured: Iterable[Measured]) -> Totals:
    """Sum up the words, and make one digest of all digests."""
    words, digest = 0, hashlib.sha256()
    for one in measured:
        words += one.words
        digest.update(f"{one.sha256} {one.words}\n".encode())
    return Totals(words, digest.hexdigest())
