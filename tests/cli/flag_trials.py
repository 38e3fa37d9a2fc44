"""What shows the effect of each flag of the commands that look into an app."""

from __future__ import annotations

import importlib.metadata
import io
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from cli.command import Result
from cli.full import MODULE, PAUSED, Full
from cli.inside import qtasks, strict
from cli.tree import Path_

UNKNOWN: Final = str(uuid.uuid4())


@dataclass(frozen=True)
class Ground:
    """Where a trial makes what it looks at."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch

    def full(self) -> Full:
        """Return a place with tasks, and a module with its app on the path of imports."""
        self.monkeypatch.chdir(self.folder)
        return Full.fill(self.folder / f"place{uuid.uuid4().hex}")


@dataclass(frozen=True)
class Command:
    """How a command is called, and how to tell whether it has seen or changed a place."""

    words: Callable[[Full], tuple[str, ...]] = lambda _: ()
    """Its arguments, and flags without which it does nothing."""
    shown: Callable[[Full, Result], bool] | None = None
    """Whether the answer is about this place; None for a command that changes something there."""
    lead: bool = True
    """Whether `--url` and `--name` lead to a place; else only `-A`."""


def _has(*words: str) -> Callable[[Full, Result], bool]:
    return lambda _, result: all(word in result.out for word in words)


def _has_tasks(full: Full, result: Result) -> bool:
    return bool(full.named(result))


def _has_place(full: Full, result: Result) -> bool:
    return f"{full.url}\n" in result.out and "shop" in result.out


def _has_worker(full: Full, result: Result) -> bool:
    return any(one.id in result.out for one in full.run(lambda app: app.workers()))


COMMANDS: Final[dict[Path_, Command]] = {
    ("queue", "list"): Command(shown=_has("high", PAUSED)),
    ("queue", "pause"): Command(lambda _: ("high",)),
    ("queue", "resume"): Command(lambda _: (PAUSED,)),
    ("queue", "purge"): Command(lambda _: ("default", "--yes")),
    ("queue", "peek"): Command(lambda _: ("default",), _has_tasks),
    ("task", "list"): Command(shown=_has_tasks),
    ("task", "show"): Command(lambda full: (full.ids["new mail"],), _has("status", "default")),
    ("task", "cancel"): Command(lambda full: (full.ids["new mail"],)),
    ("task", "requeue"): Command(lambda full: (full.ids["error mail"],)),
    ("dead", "list"): Command(shown=_has_tasks),
    ("dead", "show"): Command(lambda full: (full.ids["dead mail"],), _has("status", "high")),
    ("dead", "requeue"): Command(lambda full: (full.ids["dead mail"],)),
    ("dead", "purge"): Command(lambda full: (full.ids["dead mail"], "--yes")),
    ("worker", "list"): Command(shown=_has_worker),
    ("ping",): Command(shown=_has("1 workers")),
    ("counts",): Command(shown=lambda _, result: result.out.split()[-2:] == ["total", "9"]),
    ("stats", "now"): Command(shown=_has("high", PAUSED, "error")),
    ("stats", "inspect", "app"): Command(shown=_has_place),
    ("stats", "inspect", "task"): Command(lambda _: ("mail",), _has("mail", "signature"), lead=False),
    ("stats", "inspect", "tasks"): Command(shown=_has("mail", "bill", "signature"), lead=False),
    ("doctor",): Command(shown=_has("'shop'", "9 records")),
}
"""Every command but `run`."""


def touches(full: Full, path: Path_, *flags: str, lead: tuple[str, ...] = ()) -> bool:
    """Call a command, and return whether it has looked at this place, or changed something there."""
    command, before = COMMANDS[path], full.state()
    result = qtasks(*lead, *path, *flags, *command.words(full))
    if command.shown is None:
        return full.state() != before
    return command.shown(full, result)


def ways_to(full: Full, path: Path_) -> tuple[str, ...]:
    """Return the flags that lead a command to a place."""
    return full.options if COMMANDS[path].lead else ("-A", full.module)


def app(ground: Ground, path: Path_) -> None:
    """`-A` behind the command says which app is meant."""
    full = ground.full()
    assert not touches(full, path)
    assert touches(full, path, "-A", full.module)


def app_before(ground: Ground, path: Path_) -> None:  # noqa: ARG001
    """`-A` before a command does the same, whatever the command is."""
    for command in COMMANDS:
        full = ground.full()
        assert touches(full, command, lead=("-A", f"{full.module}:app")), command


def url(ground: Ground, path: Path_) -> None:
    """`--url` says where the tasks are, also in place of the URL of an app."""
    full, empty = ground.full(), f"sqlite:///{ground.folder / 'empty.db'}"
    assert not touches(full, path, "--name", "shop", "--url", empty)
    assert touches(full, path, "--name", "shop", "--url", full.url)
    (ground.folder / "shop_of_nothing.py").write_text(MODULE.format(url=empty))
    again = ground.full()
    assert not touches(again, path, "-A", "shop_of_nothing")
    assert touches(again, path, "-A", "shop_of_nothing", "--url", again.url)


def name(ground: Ground, path: Path_) -> None:
    """`--name` tells apps at one place apart."""
    full = ground.full()
    assert not touches(full, path, "--url", full.url, "--name", "other")
    assert touches(full, path, "--url", full.url, "--name", "shop")


def as_json(ground: Ground, path: Path_) -> None:
    """`--json` makes of words one JSON value, and says nothing else on standard output."""
    full = ground.full()
    words = qtasks(*path, *ways_to(full, path), *COMMANDS[path].words(full))
    again = ground.full()
    data = qtasks(*path, *ways_to(again, path), *COMMANDS[path].words(again), "--json")
    assert words.code == data.code == 0, (words, data)
    assert isinstance(strict(data.out), dict | list)
    assert words.out
    with pytest.raises(json.JSONDecodeError):
        json.loads(words.out)


def yes(ground: Ground, path: Path_) -> None:
    """Without `--yes` and without a terminal nothing is done."""
    full = ground.full()
    ground.monkeypatch.setattr("sys.stdin", io.StringIO())
    words = [word for word in COMMANDS[path].words(full) if word != "--yes"]
    before = full.state()
    assert qtasks(*path, *full.options, *words).code == 2
    assert full.state() == before
    assert touches(full, path, *full.options)


def help_(ground: Ground, path: Path_) -> None:  # noqa: ARG001
    """`--help` shows how it is called in place of a call, which would be refused here."""
    result = qtasks(*path, "--help")
    assert result.code == 0
    assert result.out.startswith(f"Usage: {' '.join(('qtasks', *path))} ")


def version(ground: Ground, path: Path_) -> None:  # noqa: ARG001
    """`--version` tells the version, and nothing is run."""
    result = qtasks("--version")
    assert (result.code, result.out) == (0, f"qtasks {importlib.metadata.version('qtasks')}\n")
    assert qtasks().out != result.out


def others(ground: Ground, path: Path_) -> None:
    """What is named by the argument is meant, and nothing else."""
    full = ground.full()
    before = full.state()
    other = {"ids": UNKNOWN, "names": "nowhere", "which": "nowhere"}[_argument(path)]
    flags = [word for word in COMMANDS[path].words(full) if word.startswith("-")]
    wrong = qtasks(*path, *ways_to(full, path), other, *flags)
    after = full.state()
    assert after[0] == before[0]
    assert after[1] - {other} == before[1]
    assert not full.named(wrong)
    assert touches(full, path, *ways_to(full, path))


def _argument(path: Path_) -> str:
    if path[0] in {"task", "dead"}:
        return "ids"
    return "which" if path[-1] == "peek" else "names"


def listed(full: Full, *words: str) -> set[str]:
    """Return which tasks a command lists."""
    result = full.qtasks(*words)
    assert result.code == 0, result
    return full.named(result)
