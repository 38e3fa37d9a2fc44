"""Installed distributions, made by hand as an installer writes them, for tests of discovery."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qtasks import discovery


class Site:
    """A folder of installed distributions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, distribution: str, group: str, **points: str) -> None:
        """Write the metadata of a distribution that offers these entry points."""
        info = self.folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        lines = "".join(f"{name} = {value}\n" for name, value in points.items())
        (info / "entry_points.txt").write_text(f"[{group}]\n{lines}")

    def module(self, name: str, source: str) -> None:
        """Write a module."""
        (self.folder / f"{name}.py").write_text(source)


@contextmanager
def site(folder: Path, *, alone: bool = False) -> Iterator[Site]:
    """Put the folder on the path of imports; `alone` hides every other distribution of QTasks."""
    path = list(sys.path)
    hidden = {p for p in path if alone and any(Path(p).glob("qtasks*-info"))}
    sys.path[:] = [str(folder), *(p for p in path if p not in hidden)]
    discovery.find.cache_clear()
    try:
        yield Site(folder)
    finally:
        sys.path[:] = path
        for made in folder.glob("*.py"):
            sys.modules.pop(made.stem, None)
        discovery.find.cache_clear()
