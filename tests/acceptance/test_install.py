"""What users install, in a new environment outside the tree: the readme's app runs there."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from readme import ROOT, Reader, blocks

import qtasks

pytestmark = [pytest.mark.once, pytest.mark.timeout(300)]

PACKAGES = [ROOT, ROOT / "qtasks_sqlite"]
PUBLISHED = 'pip install "qtasks[sqlite]"'


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheels, each built from its source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    for package in PACKAGES:
        _run(sys.executable, "-m", "build", "--outdir", str(folder), str(package))
    return folder


@pytest.fixture
def reader() -> Iterator[Reader]:
    """Somebody in an empty folder, with a new environment that has nothing but pip."""
    with TemporaryDirectory(prefix="qtasks-") as name:
        folder = Path(name)
        _run(sys.executable, "-m", "venv", "--without-pip", str(folder / "env"))
        python = folder / "env" / "bin" / "python"
        _run(sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "pip")
        (folder / "work").mkdir()
        yield Reader(folder / "work", python.parent)


def test_the_wheels_work_by_themselves(wheels: Path, reader: Reader) -> None:
    """Installed by the command of the readme, two worker processes and the clients do its example."""
    assert PUBLISHED in (ROOT / "README.md").read_text("utf-8")
    reader.run("pip", "install", "--quiet", "--find-links", str(wheels), "qtasks[sqlite]")

    _check_the_readme(reader)


def test_a_checkout_can_be_installed(reader: Reader) -> None:
    """By the other command of the readme."""
    (command,) = [words for block in blocks("README.md") for words in block.commands if words[0] == "pip"]
    reader.run(*command, folder=ROOT)

    _check_the_readme(reader)


def test_a_wheel_holds_the_package_and_nothing_else(wheels: Path) -> None:
    """Types are marked as such, the license is there, tests and tools are not."""
    found = sorted(wheels.glob("*.whl"))
    assert len(found) == len(PACKAGES)
    for wheel in found:
        package = wheel.name.split("-")[0]
        names = zipfile.ZipFile(wheel).namelist()
        folders = {name.split("/")[0] for name in names}
        assert folders == {package, f"{package}-{qtasks.__version__}.dist-info"}
        assert f"{package}/py.typed" in names
        assert any(name.endswith("licenses/LICENSE") for name in names)


def _check_the_readme(reader: Reader) -> None:
    """Run its app outside the tree, with the command's workers and each client."""
    where = reader.run(
        "python", "-c", "import qtasks, qtasks_sqlite; print(qtasks.__path__, qtasks_sqlite.__path__)"
    )
    assert str(ROOT) not in where
    reader.write("README.md")
    shell = [words for block in blocks("README.md") if block.language == "sh" for words in block.commands]
    (worker,) = [words for words in shell if words[0] == "qtasks"]
    assert "--processes" in worker

    with reader.working(*worker):
        for client in (block for block in blocks("README.md") if block.file and block.says):
            assert reader.run("python", client.file or "").splitlines() == client.says


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
