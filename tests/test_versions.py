"""All packages of the project have one version, and say so to installers."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

import qtasks

ROOT = Path(__file__).parents[1]
CORE: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BACKENDS: dict[str, dict[str, Any]] = {
    path.parent.name: tomllib.loads(path.read_text())["project"]
    for path in ROOT.glob("qtasks_*/pyproject.toml")
}


def test_the_core_has_the_version_that_it_tells() -> None:
    """`qtasks.__version__` is that of the distribution."""
    assert CORE["version"] == qtasks.__version__


def test_there_are_backends() -> None:
    """The tests below have something to look at."""
    assert "qtasks_sqlite" in BACKENDS


@pytest.mark.parametrize("folder", BACKENDS)
def test_a_backend_has_the_version_of_the_core(folder: str) -> None:
    """Versions move in step."""
    assert BACKENDS[folder]["version"] == qtasks.__version__


@pytest.mark.parametrize("folder", BACKENDS)
def test_a_backend_pins_the_core(folder: str) -> None:
    """Without an exact version an installer may take another `qtasks` from the index."""
    assert f"qtasks=={qtasks.__version__}" in BACKENDS[folder]["dependencies"]


@pytest.mark.parametrize("folder", BACKENDS)
def test_the_core_has_an_extra_for_the_backend(folder: str) -> None:
    """`pip install "qtasks[…]"` brings this very version, and the command with it."""
    extras, name = CORE["optional-dependencies"], folder.replace("_", "-")
    extra = folder.removeprefix("qtasks_")
    assert f"{name}=={qtasks.__version__}" in extras[extra]
    assert any(each.startswith("click") for each in extras[extra])
    assert any(extra in each.partition("[")[2].rstrip("]").split(",") for each in extras["all"])


@pytest.mark.parametrize("folder", BACKENDS)
def test_a_backend_runs_where_the_core_runs(folder: str) -> None:
    """The same versions of Python, the same license, its own readme."""
    for field in ("requires-python", "license", "authors"):
        assert BACKENDS[folder][field] == CORE[field]
    assert (ROOT / folder / BACKENDS[folder]["readme"]).is_file()
    assert (ROOT / folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
