"""What an import loads, and what the public modules offer."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(ROOT.glob("qtasks_*/src"))
LATE = {
    "qtasks_sqlite": "a backend",
    "aiosqlite": "a driver",
    "sqlite3": "a driver",
    "qtasks.memory": "a backend",
    "qtasks.worker": "a producer needs no worker",
    "qtasks.cli": "the command",
    "qtasks.testing": "the kit",
    "pytest": "a tool of tests",
    "click": "an extra",
    "importlib.metadata": "discovery is lazy, and it is slow to import",
}


def public_modules() -> dict[str, ast.Module]:
    """Return every module that has an `__all__`, parsed."""
    found = {}
    for source in SOURCES:
        for path in sorted(source.rglob("*.py")):
            parts = path.relative_to(source).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            tree = ast.parse(path.read_text(encoding="utf-8"))
            if any("__all__" in assigned(node) for node in tree.body):
                found[name] = tree
    return found


def assigned(node: ast.stmt) -> set[str]:
    """Return the names that a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def imported(node: ast.stmt) -> set[str]:
    """Return the names that a statement takes from packages of this project."""
    if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("qtasks"):
        return set()
    return {alias.asname or alias.name for alias in node.names}


def is_public(name: str) -> bool:
    """Whether a name has no underscore in front."""
    return not name.startswith("_")


MODULES = public_modules()


@pytest.mark.parametrize("module", ["qtasks", "qtasks.asyncio"])
def test_an_import_loads_only_what_a_producer_needs(module: str) -> None:
    """No backend, no driver, no worker, no tool of tests or of the command."""
    code = f"import sys, {module}; print(*(sys.modules.keys() & {set(LATE)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )

    assert {name: LATE[name] for name in done.stdout.split()} == {}


@pytest.mark.parametrize("name", MODULES)
def test_all_is_what_is_there(name: str) -> None:
    """Each name of `__all__` can be imported, once, in order."""
    offered = importlib.import_module(name).__all__

    assert [each for each in offered if not hasattr(importlib.import_module(name), each)] == []
    assert len(set(offered)) == len(offered)


@pytest.mark.parametrize("name", MODULES)
def test_what_is_there_is_in_all(name: str) -> None:
    """Public names that the module defines, or where it defines none, takes from the project."""
    tree = MODULES[name]
    own = {each for node in tree.body for each in assigned(node) if is_public(each)}
    taken = {each for node in tree.body for each in imported(node) if is_public(each)}

    assert (own or taken) - set(importlib.import_module(name).__all__) == set()


def test_the_modules_of_the_users_page_are_there() -> None:
    """The public modules have the names that users know."""
    for name in ("asyncio", "brokers", "storages", "configs", "workers", "starters", "plugins"):
        assert importlib.import_module(f"qtasks.{name}").__doc__
