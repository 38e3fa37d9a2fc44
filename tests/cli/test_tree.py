"""Every command takes an app, and every command and flag is described in `docs/cli.md`.

What each flag does is shown by `test_every_flag.py`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from uuid import uuid4

import click
import pytest
from cli.inside import qtasks as run
from cli.tree import COMMANDS, FLAGS, Path_

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
VALUES = {"ids": str(uuid4()), "names": "high", "which": "high"}
"""What the arguments of commands may be."""
COMMON = "What these commands have in common"
"""The section of the page that describes the flags of every looking command."""
SHARED = {"-A", "--app", "--url", "--name", "--json"}


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
