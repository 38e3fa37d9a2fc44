"""What shows the effect of the flags that say which tasks are meant, and how many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cli.flag_trials import Ground, listed
from cli.full import Full
from cli.inside import qtasks
from cli.tree import Path_

Trial = Callable[[Ground, Path_], None]

LISTS: Final[dict[tuple[Path_, str], tuple[str, set[str]]]] = {
    (("task", "list"), "--queue"): ("high", {"error bill", "cancel bill", "dead mail", "far bill"}),
    (("task", "list"), "--task"): ("mail", {"error mail", "cancel mail", "dead mail", "new mail"}),
    (("task", "list"), "--limit"): ("2", {"new bill", "far bill"}),
    (("task", "list"), "--status"): ("dead", {"dead mail", "dead bill"}),
    (("dead", "list"), "--queue"): ("high", {"dead mail"}),
    (("dead", "list"), "--task"): ("bill", {"dead bill"}),
    (("dead", "list"), "--limit"): ("1", {"dead bill"}),
    (("queue", "peek"), "--limit"): ("1", {"new mail"}),
}
"""A value of the flag, and which tasks are shown with it."""

CHANGES: Final[dict[tuple[Path_, str], tuple[tuple[str, ...], set[str]]]] = {
    (("task", "requeue"), "--all"): ((), {"error mail", "error bill"}),
    (("task", "requeue"), "--status"): (("--all", "cancel"), {"cancel mail", "cancel bill"}),
    (("task", "requeue"), "--queue"): (("--all", "high"), {"error bill"}),
    (("task", "requeue"), "--task"): (("--all", "mail"), {"error mail"}),
    (("dead", "requeue"), "--all"): ((), {"dead mail", "dead bill"}),
    (("dead", "requeue"), "--queue"): (("--all", "high"), {"dead mail"}),
    (("dead", "requeue"), "--task"): (("--all", "bill"), {"dead bill"}),
    (("dead", "purge"), "--all"): (("--yes",), {"dead mail", "dead bill"}),
    (("dead", "purge"), "--queue"): (("--yes", "--all", "high"), {"dead mail"}),
    (("dead", "purge"), "--task"): (("--yes", "--all", "bill"), {"dead bill"}),
}
"""The other flags with the value of this one at the end, and which tasks are changed with it."""


def _shows(flag: tuple[Path_, str]) -> Trial:
    value, expected = LISTS[flag]

    def trial(ground: Ground, path: Path_) -> None:
        full = ground.full()
        words = (*path, "default") if path[-1] == "peek" else path
        assert expected < listed(full, *words)
        assert listed(full, *words, flag[1], value) == expected

    return trial


def _changes(flag: tuple[Path_, str]) -> Trial:
    words, expected = CHANGES[flag]
    is_switch = flag[1] == "--all"
    company = words if is_switch else words[:-1]

    def trial(ground: Ground, path: Path_) -> None:
        assert changed(ground.full(), *path, *company) != expected
        given = (flag[1],) if is_switch else (flag[1], words[-1])
        assert changed(ground.full(), *path, *company, *given) == expected

    return trial


def changed(full: Full, *words: str) -> set[str]:
    """Call a command, and return which tasks it has changed."""
    before, _ = full.state()
    full.qtasks(*words)
    after, _ = full.state()
    return {name for name in before if before[name] != after[name]}


def statuses(ground: Ground, path: Path_) -> None:
    """`--status` of a list may be given several times."""
    _shows((path, "--status"))(ground, path)
    both = listed(ground.full(), *path, "--status", "dead", "--status", "cancel")
    assert both == {"dead mail", "dead bill", "cancel mail", "cancel bill"}


def after(ground: Ground, path: Path_) -> None:
    """`--after` begins behind the last task of the page before."""
    full = ground.full()
    assert listed(full, *path, "--limit", "2") == {"far bill", "new bill"}
    assert listed(full, *path, "--limit", "2", "--after", full.ids["new bill"]) == {"new mail", "dead bill"}


def reason(ground: Ground, path: Path_) -> None:
    """`--reason` is kept in the record."""
    full = ground.full()
    for words, given in (("new mail", ()), ("new bill", ("--reason", "not wanted"))):
        assert full.qtasks(*path, full.ids[words], *given).code == 0
    (plain,), (told,) = (full.data("task", "show", full.ids[words]) for words in ("new mail", "new bill"))
    assert plain["reason"] != "not wanted"
    assert told["reason"] == "not wanted"


def backend(ground: Ground, path: Path_) -> None:
    """`--backend` asks for no worker."""
    full = ground.full()
    nobody = ("--url", full.url, "--name", "nobody")
    assert qtasks(*path, *nobody).code == 1
    assert qtasks(*path, *nobody, "--backend").code == 0


NARROWING: Final[dict[tuple[Path_, str], Trial]] = {
    **{flag: _shows(flag) for flag in LISTS},
    **{flag: _changes(flag) for flag in CHANGES},
    (("task", "list"), "--status"): statuses,
    (("task", "list"), "--after"): after,
    (("task", "cancel"), "--reason"): reason,
    (("ping",), "--backend"): backend,
}
