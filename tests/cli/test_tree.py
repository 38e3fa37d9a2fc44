"""Every command and every flag is exercised by a test and described in `docs/cli.md`."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import click
import pytest
from cli.inside import qtasks as run

from qtasks.cli.commands import qtasks

TESTS = Path(__file__).parent
PAGE = TESTS.parents[1] / "docs" / "cli.md"
VALUES = {"ids": str(uuid4()), "names": "high", "which": "high"}
"""What the arguments of commands may be."""
COMMON = "What these commands have in common"
"""The section of the page that describes the flags of every looking command."""
SHARED = {"-A", "--app", "--url", "--name", "--json"}

Path_ = tuple[str, ...]


def commands(group: click.Group, path: Path_ = ()) -> Iterator[tuple[Path_, click.Command]]:
    """Yield every command of QTasks itself that is no group, with the words that call it."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands(qtasks))
FLAGS = [
    (path, option)
    for path, command in COMMANDS.items()
    for option in command.params
    if isinstance(option, click.Option)
]


def calls() -> Iterator[list[str]]:
    """Yield the words, in their order, of every call and every sequence of words in the tests."""
    for path in TESTS.glob("test_*.py"):
        if path == Path(__file__):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield [*_words(node.args), *_added(node.func)]
            elif isinstance(node, ast.Tuple | ast.List):
                yield [*_words(node.elts)]


def _words(nodes: list[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _added(function: ast.expr) -> list[str]:
    """Return the flags that `place.data` and `place.qtasks` give to each command; see `inside.py`."""
    if not isinstance(function, ast.Attribute) or ast.unparse(function.value) != "place":
        return []
    return {"data": ["--url", "--name", "--json"], "qtasks": ["--url", "--name"]}.get(function.attr, [])


CALLS = list(calls())


def called(path: Path_) -> list[list[str]]:
    """Return the calls of a command."""
    size = len(path)
    return [
        words
        for words in CALLS
        if any(tuple(words[at : at + size]) == path for at in range(len(words) - size + 1))
    ]


def section(title: str) -> str:
    """Return what the page says under a heading, with the headings below it."""
    match = re.search(
        rf"^(#+) {re.escape(title)}$\n(.*?)(?=^##+ |\Z)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert match, f"docs/cli.md has no heading {title!r}"
    return match[2]


def test_the_tree_is_walked() -> None:
    """The walk finds the commands at every depth."""
    assert {("run",), ("doctor",), ("queue", "list"), ("stats", "inspect", "task")} <= set(COMMANDS)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_command_is_exercised(path: Path_) -> None:
    """Some test calls it."""
    assert called(path)


@pytest.mark.parametrize(
    ("path", "option"), FLAGS, ids=[f"{' '.join(path)} {option.opts[0]}" for path, option in FLAGS]
)
def test_a_flag_is_exercised(path: Path_, option: click.Option) -> None:
    """Some test gives it to this command. What `-A` does for each is tested below."""
    if "-A" not in option.opts:
        assert any(set(option.opts) & set(words) for words in called(path))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("before", [True, False])
def test_every_command_takes_an_app(path: Path_, before: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-A` before or behind each command is imported, and an error of it is a wrong call."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    needed = [VALUES[one.name or ""] for one in COMMANDS[path].params if isinstance(one, click.Argument)]
    sure = ["--yes"] if any("--yes" in one.opts for one in COMMANDS[path].params) else []
    app = ["-A", "nowhere_at_all:app"]
    result = run(*app, *path, *needed, *sure) if before else run(*path, *needed, *sure, *app)
    assert result.code == 2
    assert "there is no module 'nowhere_at_all'" in result.err


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_command_is_described(path: Path_) -> None:
    """It has a heading of its own."""
    assert section(f"`qtasks {' '.join(path)}`").strip()


@pytest.mark.parametrize(
    ("path", "option"), FLAGS, ids=[f"{' '.join(path)} {option.opts[0]}" for path, option in FLAGS]
)
def test_a_flag_is_described(path: Path_, option: click.Option) -> None:
    """Under the heading of its command, or with what the commands have in common."""
    text = section(f"`qtasks {' '.join(path)}`") + section(COMMON) * bool(SHARED & set(option.opts))
    assert any(re.search(rf"`{re.escape(flag)}[` ]", text) for flag in option.opts), option.opts


def test_no_flag_is_described_that_is_none() -> None:
    """The page does not outlive a flag."""
    known = {flag for _, option in FLAGS for flag in option.opts} | {"--help", "--version"}
    told = set(re.findall(r"`(--[a-z-]+)", PAGE.read_text(encoding="utf-8")))
    assert told - known == set()
