"""A user's own tests, run by pytest in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

STRICT = ("-W", "error", "-p", "no:cacheprovider")
LOOPS = ("-o", "asyncio_default_fixture_loop_scope=function")


@dataclass(frozen=True)
class Done:
    """A run of pytest that has ended."""

    code: int
    text: str

    @property
    def outcomes(self) -> dict[str, int]:
        """How many tests have passed, failed, and so on."""
        last = self.text.strip().splitlines()[-1]
        return {word.rstrip("s"): int(number) for number, word in re.findall(r"(\d+) ([a-z]+)", last)}


@dataclass(frozen=True)
class User:
    """Somebody with a folder of their own."""

    folder: Path

    def write(self, **files: str) -> None:
        """Write modules by their names."""
        for name, text in files.items():
            (self.folder / f"{name}.py").write_text(text, encoding="utf-8")

    def pytest(self, *args: str) -> Done:
        """Run pytest in the folder; warnings are errors."""
        loops = () if "no:asyncio" in args else LOOPS
        return self.python("-m", "pytest", *STRICT, *loops, *args)

    def python(self, *args: str) -> Done:
        """Run Python in the folder, without the settings of this suite."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        done = subprocess.run(
            [sys.executable, "-B", *args],
            cwd=self.folder,
            env=environ | {"NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=50,
            check=False,
        )
        return Done(done.returncode, done.stdout)

    @property
    def databases(self) -> list[str]:
        """The files of databases that are there."""
        return sorted(path.name for path in self.folder.glob("*.db*"))


@pytest.fixture
def user(tmp_path: Path) -> User:
    """A user in an empty folder."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return User(tmp_path)
