"""The code of a readme, taken out and run as its reader would."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[1]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SAYS = re.compile(r"^\s*print\(.*\)\s+# (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of code in a document."""

    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The name that its first line gives it."""
        match = re.match(r"# (\w+\.py)\n", self.text)
        return match[1] if match else None

    @property
    def says(self) -> list[str]:
        """What its comments say that it prints."""
        return _SAYS.findall(self.text)

    @property
    def commands(self) -> list[list[str]]:
        """Its lines as words of a shell."""
        return [words for line in self.text.splitlines() if (words := shlex.split(line, comments=True))]


def blocks(document: str) -> list[Block]:
    """Return the blocks of code of a document of the project."""
    return [Block(*found) for found in _FENCE.findall((ROOT / document).read_text(encoding="utf-8"))]


@dataclass(frozen=True)
class Reader:
    """Somebody in an empty folder, with the programs of one environment."""

    folder: Path
    programs: Path

    def write(self, document: str) -> list[str]:
        """Write the files that the document shows, and return their names."""
        files = {block.file: block.text for block in blocks(document) if block.file}
        for name, text in files.items():
            (self.folder / name).write_text(text, encoding="utf-8")
        return list(files)

    def run(self, *words: str, folder: Path | None = None) -> str:
        """Run a command to its end, which must be a good one, and return what it printed."""
        done = subprocess.run(
            self._found(words),
            cwd=folder or self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{shlex.join(words)} ended with {done.returncode}:\n{done.stderr}"
        return done.stdout

    @contextmanager
    def working(self, *words: str, output: IO[str] | None = None) -> Iterator[None]:
        """Run a worker meanwhile; at the end it must stop cleanly at the first signal."""
        with subprocess.Popen(
            self._found(words),
            cwd=self.folder,
            env=self._environment(),
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield
                process.send_signal(signal.SIGTERM)
                _, log = process.communicate(timeout=30)
                assert process.returncode == 0, log
            finally:
                process.kill()

    def _found(self, words: tuple[str, ...]) -> list[str]:
        return [str(self.programs / words[0]), *words[1:]]

    def _environment(self) -> dict[str, str]:
        """The user's environment, where nothing leads to the source tree."""
        hidden = ("QTASKS_", "PYTHON", "VIRTUAL_ENV")
        return {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
