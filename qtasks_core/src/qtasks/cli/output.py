"""What the command prints: JSON for programs; columns, ages and times for people."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

import click

from qtasks.printable import escaped

NOTHING: Final = "-"
"""What stands for nothing, in words for people."""

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
_GAP: Final = "  "


def print_json(data: object) -> None:
    """Print one JSON document in ASCII, so that any terminal and any parser takes it."""
    click.echo(json.dumps(data, indent=2, allow_nan=False))


def forgive_encoding() -> None:
    """Let a terminal that lacks a character get its number in place of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def table(titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return aligned columns: whole numbers to the right, everything else to the left."""
    kept = list(rows)
    columns = zip(titles, *kept, strict=True)
    return "\n".join(map(_line, zip(*map(_aligned, columns), strict=True)))


def _aligned(column: Sequence[Any]) -> list[str]:
    cells = [words(cell) for cell in column]
    width = max(map(len, cells))
    is_number = all(isinstance(cell, int) for cell in column[1:])
    return [cell.rjust(width) if is_number else cell.ljust(width) for cell in cells]


def _line(cells: Sequence[str]) -> str:
    return _GAP.join(cells).rstrip()


def pairs(facts: Iterable[tuple[str, Any]]) -> str:
    """Return a line for each name and value; the further lines of a text stand below its first one."""
    kept = list(facts)
    width = max(len(name) for name, _ in kept)
    below = "\n" + " " * (width + len(_GAP))
    return "\n".join(f"{name:<{width}}{_GAP}{below.join(_lines(value))}" for name, value in kept)


def _lines(value: Any) -> list[str]:
    texts = value.splitlines() if isinstance(value, str) and value else [value]
    return [words(text) for text in texts]


def words(value: Any) -> str:
    """Return one line that a terminal can show: what would steer it is written as its number."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return escaped(str(value))


def duration(seconds: float | None) -> str:
    """Return `7s`, `3m 20s`, `5h 2m` or `12d 4h`: the largest unit of a time, and the next one."""
    if seconds is None:
        return NOTHING
    whole = int(max(0.0, seconds))
    for (size, unit), (smaller, next_unit) in pairwise(_UNITS):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size}{unit}" + (f" {rest}{next_unit}" if rest else "")
    return f"{whole}s"


def moment(value: datetime | None) -> str:
    """Return a time in UTC, and how long ago it was or how far ahead it is."""
    if value is None:
        return NOTHING
    ago = (datetime.now(UTC) - value).total_seconds()
    relative = f"{duration(ago)} ago" if ago >= 0 else f"in {duration(-ago)}"
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC ({relative})"


def age(value: datetime) -> str:
    """Return how long ago it was."""
    return duration((datetime.now(UTC) - value).total_seconds())
