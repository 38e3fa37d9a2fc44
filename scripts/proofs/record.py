"""What a proof has found, as it is kept in `docs/proofs/`."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "proofs"
_SOURCES = ("qtasks_*/src", "tests/storm", "benchmarks")


@dataclass(frozen=True)
class Record:
    """The last time that a part was proven."""

    passed: bool
    at: str
    seconds: int
    sources: str
    """A digest of what was proven."""
    figures: Mapping[str, Any]
    faults: Sequence[str]
    table: str = ""
    """Lines for people, as they were printed."""
    python: str = platform.python_version()
    sqlite: str = sqlite3.sqlite_version
    machine: str = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}"


def sources() -> str:
    """Return a digest of all sources, which changes with each of them."""
    digest = hashlib.sha256()
    for pattern in _SOURCES:
        for folder in sorted(ROOT.glob(pattern)):
            for path in sorted(folder.rglob("*.py")):
                digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def now() -> str:
    """Return the moment, for people."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


def read(part: str) -> Record | None:
    """Return what is known of a part, or None."""
    path = FOLDER / f"{part}.json"
    return Record(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def write(part: str, record: Record) -> None:
    """Keep what was found."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(record), indent=1, ensure_ascii=False)
    (FOLDER / f"{part}.json").write_text(f"{text}\n", encoding="utf-8")
