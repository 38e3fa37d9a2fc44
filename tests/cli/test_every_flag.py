"""Every flag of every command changes what it says.

The tree of commands is walked, and each flag and argument has a trial that runs the command. One that has no
trial fails its test.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from cli import flag_trials as trials
from cli import tree
from cli.flag_trials import COMMANDS, Ground
from cli.narrowing_trials import NARROWING
from cli.run_trials import RUN
from cli.tree import TREE, Path_, taken, words_of

Trial = Callable[[Ground, Path_], None]
Flag = tuple[Path_, str]

COMMON: Final[dict[str, Trial]] = {
    "--app": trials.app,
    "--url": trials.url,
    "--name": trials.name,
    "--json": trials.as_json,
    "--yes": trials.yes,
    "ids": trials.others,
    "names": trials.others,
    "which": trials.others,
}
"""What these mean is the same for every command that looks into an app."""

ROOT: Final[dict[Flag, Trial]] = {((), "--app"): trials.app_before, ((), "--version"): trials.version}
OWN: Final[dict[Flag, Trial]] = ROOT | NARROWING | RUN

FLAGS: Final[list[Flag]] = [(path, flag) for path in TREE for flag in taken(path)]


def trial_of(flag: Flag) -> Trial | None:
    """Return what shows the effect of a flag."""
    path, name = flag
    if name == "--help":
        return trials.help_
    return OWN.get(flag) or (COMMON.get(name) if path in COMMANDS else None)


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    """An empty folder; what is imported from it is forgotten at the end."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delenv("QTASKS_URL", raising=False)
    yield Ground(tmp_path, monkeypatch)
    for name, module in list(sys.modules.items()):
        if str(tmp_path) in (getattr(module, "__file__", None) or ""):
            del sys.modules[name]


@pytest.mark.parametrize("flag", FLAGS, ids=words_of)
def test_a_flag_changes_what_it_says(flag: Flag, ground: Ground) -> None:
    """Without it the command does one thing, with it another."""
    trial = trial_of(flag)
    assert trial is not None, f"{words_of(flag)!r} has no trial that shows its effect"
    trial(ground, flag[0])


def test_no_trial_is_of_a_flag_that_is_none() -> None:
    """The trials do not outlive a flag or a command."""
    assert [words_of(flag) for flag in OWN if flag not in FLAGS] == []
    assert [path for path in COMMANDS if path not in TREE] == []


def test_every_command_that_answers_has_json() -> None:
    """But for `run`, whose output is its log."""
    assert [path for path in tree.COMMANDS if "--json" not in taken(path)] == [("run",)]
