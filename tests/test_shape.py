"""The packages keep to the budget that keeps them readable."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(path for path in ROOT.glob("qtasks_*/src/*") if path.is_dir())
FILES = sorted(path for package in PACKAGES for path in package.rglob("*.py"))

MODULE_LINES, BODY_LINES, MOST_BODIES = 400, 40, 20
"""Lines of a module and of a function body, and of nine function bodies out of ten."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Definition:
    """A function or class, and where it stands."""

    path: Path
    node: Function | ast.ClassDef
    is_public: bool

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.node.lineno}: {self.node.name}"

    @property
    def lines(self) -> int:
        """Lines from `def` to the end, without the docstring."""
        first = self.node.body[0]
        is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        text = (first.end_lineno or 0) - first.lineno + 1 if is_text else 0
        return (self.node.end_lineno or 0) - self.node.lineno + 1 - text

    @property
    def is_overload(self) -> bool:
        """Whether it only tells type checkers of one way to call the next function."""
        return any(isinstance(each, ast.Name) and each.id == "overload" for each in self.node.decorator_list)


def definitions(path: Path) -> Iterator[Definition]:
    """Yield everything that a file defines, at any depth."""
    yield from _inside(path, ast.parse(path.read_text(encoding="utf-8")), is_public=True)


def _inside(path: Path, node: ast.AST, *, is_public: bool) -> Iterator[Definition]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef):
            seen = is_public and not child.name.startswith("_")
            yield Definition(path, child, seen)
            yield from _inside(path, child, is_public=seen and isinstance(child, ast.ClassDef))
        else:
            yield from _inside(path, child, is_public=is_public)


EVERYTHING = [each for path in FILES for each in definitions(path)]


def functions(package: Path | None = None) -> list[Definition]:
    """Return the functions of one package, or of all."""
    return [
        each
        for each in EVERYTHING
        if isinstance(each.node, Function) and (package is None or package in each.path.parents)
    ]


def is_annotated(node: Function) -> bool:
    """Whether the answer and every argument have a type."""
    arguments = [
        *node.args.posonlyargs,
        *node.args.args,
        *node.args.kwonlyargs,
        node.args.vararg,
        node.args.kwarg,
    ]
    named = [each for each in arguments if each is not None and each.arg not in {"self", "cls"}]
    return node.returns is not None and all(each.annotation for each in named)


def test_no_module_is_too_long() -> None:
    """One idea per file."""
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in FILES}
    assert FILES
    assert {path: lines for path, lines in long.items() if lines > MODULE_LINES} == {}


def test_no_function_is_too_long() -> None:
    """One question per function."""
    assert [f"{each} has {each.lines} lines" for each in functions() if each.lines > BODY_LINES] == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_most_functions_are_short(package: Path) -> None:
    """Nine out of ten fit into a glance."""
    bodies = sorted(each.lines for each in functions(package))
    assert bodies[int(len(bodies) * 0.9)] <= MOST_BODIES


def test_everything_is_annotated() -> None:
    """Types are part of the product."""
    assert [
        str(each) for each in functions() if isinstance(each.node, Function) and not is_annotated(each.node)
    ] == []


def test_everything_public_is_documented() -> None:
    """Modules, classes and functions say what they promise."""
    silent = [
        str(path.relative_to(ROOT)) for path in FILES if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    silent += [
        str(each)
        for each in EVERYTHING
        if each.is_public and not each.is_overload and not ast.get_docstring(each.node)
    ]
    assert silent == []
