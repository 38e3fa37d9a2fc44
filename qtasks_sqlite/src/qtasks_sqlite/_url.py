"""What a `sqlite://` URL stands for: one file, and how far a commit is forced onto the disk."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote

from qtasks.errors import ConfigError

DEFAULT_URL: Final = "sqlite:///qtasks.db"
_PREFIX: Final = "sqlite://"


class Level(IntEnum):
    """How far a commit is forced: the numbers are those of `PRAGMA synchronous`."""

    OFF = 0
    """Handed to the operating system; a power failure may damage the file."""
    NORMAL = 1
    """Survives the end of the process; a power failure may undo the last commits."""
    FULL = 2
    """Survives a power failure."""


@dataclass(frozen=True, slots=True)
class Location:
    """A file, and the level for what must not be lost."""

    path: str
    """Absolute, with symbolic links resolved."""
    level: Level = Level.FULL


def locate(url: str | Location | None, synchronous: str | None = None) -> Location:
    """Return the place that a URL names; relative paths start at the present working directory.

    Raises:
        ConfigError: It is no URL of this backend, or has an unknown option or value.
    """
    if isinstance(url, Location):
        return url if synchronous is None else Location(url.path, _level(synchronous))
    text = DEFAULT_URL if url is None else url
    if not isinstance(text, str) or not text.startswith(_PREFIX + "/"):
        raise ConfigError(
            f"the SQLite backend needs sqlite:///relative.db or sqlite:////absolute/path.db, not {text!r}"
        )
    name, _, query = text.removeprefix(_PREFIX + "/").partition("?")
    options = _options(query)
    chosen = synchronous or options.get("synchronous", "full")
    return Location(_path(_decoded(name, text), text), _level(chosen))


def _decoded(name: str, url: str) -> str:
    try:
        return unquote(name, errors="strict")
    except UnicodeDecodeError as exc:
        raise ConfigError(
            f"{url!r} names no file: what follows its percent signs is no UTF-8; write a percent sign as %25"
        ) from exc


def _path(name: str, url: str) -> str:
    if name in {"", "/", ":memory:"} or "\0" in name:
        raise ConfigError(
            f"{url!r} names no file: several processes and connections must meet there; "
            f"memory:// is the backend without a file"
        )
    if name.endswith("/"):
        raise ConfigError(f"{url!r} names a folder; name a file in it")
    try:
        return str(Path(name).resolve())
    except (OSError, RuntimeError) as exc:  # no working directory; links that lead in a circle
        raise ConfigError(f"{url!r} names a path that leads nowhere: {exc}") from exc


def _options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(options.keys() - {"synchronous"})
    if unknown:
        raise ConfigError(
            f"a sqlite:// URL has no option {unknown[0]!r}; it has synchronous=full|normal|off"
            f" (a question mark in the name of a file is written as %3F)"
        )
    return options


def _level(text: str) -> Level:
    try:
        return Level[text.upper()]
    except (KeyError, AttributeError) as exc:
        raise ConfigError(f"synchronous is full, normal or off, not {text!r}") from exc
