"""Imports point one way, as the table of layers in `docs/architecture.md` says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = ROOT / "qtasks_core" / "src"
BACKENDS = sorted(path for path in ROOT.glob("qtasks_*/src/*") if path.is_dir() and path.parent != CORE)
ROW = re.compile(r"^\| (\d+) [^|]*\| ([^|]+) \|", re.MULTILINE)


def module_name(path: Path, source: Path) -> str:
    """Return the dotted name of a file."""
    parts = path.relative_to(source).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


CORE_MODULES = {module_name(path, CORE): path for path in sorted(CORE.rglob("*.py"))}


def layers() -> dict[str, int]:
    """Return the row of each module and package that the document names."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = {}
    for number, cell in ROW.findall(text):
        for name in re.findall(r"`([\w/]+)`", cell):
            rows["qtasks." + name.rstrip("/")] = int(number)
    return rows


LAYERS = layers()


def layer_of(module: str) -> int | None:
    """Return the row of a module: its own, or that of the package that it is in."""
    while module:
        if module in LAYERS:
            return LAYERS[module]
        module = module.rpartition(".")[0]
    return None


def is_type_checking(test: ast.expr) -> bool:
    """Whether it is the question of `if TYPE_CHECKING:`."""
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def running(node: ast.AST) -> Iterator[ast.AST]:
    """Walk through what runs: without the blocks that only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and is_type_checking(child.test):
            for other in child.orelse:
                yield other
                yield from running(other)
        else:
            yield child
            yield from running(child)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the full name of everything that a file imports when it runs."""
    for node in running(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write the full name of the module"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def target(name: str) -> str:
    """Return the module of the core that an imported name is, or is in."""
    return name if name in CORE_MODULES else name.rpartition(".")[0]


def test_the_table_names_only_what_is_there() -> None:
    """A row of the document does not outlive its module."""
    assert LAYERS, "the table of layers is not found in docs/architecture.md"
    assert sorted(set(LAYERS) - set(CORE_MODULES)) == []


def test_every_module_has_a_row() -> None:
    """A new module is put into the map in the same change."""
    assert [module for module in CORE_MODULES if module != "qtasks" and layer_of(module) is None] == []


@pytest.mark.parametrize("module", CORE_MODULES)
def test_a_module_imports_only_from_its_row_and_above(module: str) -> None:
    """The layers hold, also for imports inside functions."""
    own = layer_of(module)
    if own is None:
        own = max(LAYERS.values())  # the package itself gives out names of any row
    wrong = [
        f"line {line}: row {own} imports {name} of row {layer_of(target(name))}"
        for line, name in imports(CORE_MODULES[module])
        if name.split(".")[0] == "qtasks" and (layer_of(target(name)) or 0) > own
    ]
    assert wrong == []


@pytest.mark.parametrize("module", CORE_MODULES)
def test_the_core_imports_no_backend(module: str) -> None:
    """Backends are found through entry points."""
    packages = {path.name for path in BACKENDS}
    assert packages
    assert [name for _, name in imports(CORE_MODULES[module]) if name.split(".")[0] in packages] == []


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda path: path.name)
def test_a_backend_imports_only_public_names_of_the_core(backend: Path) -> None:
    """No private module, no private name, and no other backend."""
    wrong = []
    for path in sorted(backend.rglob("*.py")):
        for line, name in imports(path):
            top, *rest = name.split(".")
            is_private = top == "qtasks" and any(part.startswith("_") for part in rest)
            is_other = top.startswith("qtasks_") and top != backend.name
            if is_private or is_other:
                wrong.append(f"{path.relative_to(ROOT)}:{line}: {name}")
    assert wrong == []
