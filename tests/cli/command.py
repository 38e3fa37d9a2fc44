"""The command `qtasks` as a process of its own, in a folder with small modules."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

APP = """
from qtasks.asyncio import QueueTasks
app = QueueTasks("shop", broker_url={url!r})

@app.task
async def add(a: int, b: int) -> int:
    return a + b
"""


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Folder:
    """A working directory."""

    path: Path

    def write(self, name: str, source: str) -> None:
        """Write a file."""
        file = self.path / name
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text(source)

    def app(self, name: str = "shop", url: str = "memory://") -> None:
        """Write a module with the app `app`."""
        self.write(f"{name}.py", APP.format(url=url))

    def qtasks(
        self, *arguments: str, start: tuple[str, ...] = ("-m", "qtasks"), **environment: str
    ) -> Result:
        """Run the command to its end."""
        done = subprocess.run(
            [sys.executable, *start, *arguments],
            cwd=self.path,
            env=_environment(environment),
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def running(
        self, *arguments: str, start: tuple[str, ...] = ("-m", "qtasks"), **environment: str
    ) -> Iterator[subprocess.Popen[str]]:
        """Run the command in the background, both outputs in one pipe; kill it if the test fails."""
        with subprocess.Popen(
            [sys.executable, *start, *arguments],
            cwd=self.path,
            env=_environment(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()


def wait_for(process: subprocess.Popen[str], *words: str) -> str:
    """Read the output until a line has all the words, and return that line."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if all(word in line for word in words):
            return line
    raise AssertionError(f"no line with {words} in:\n{''.join(seen)}")


def _environment(changes: dict[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("QTASKS_")}
    return {**inherited, **changes}
