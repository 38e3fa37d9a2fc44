"""The commands of `qtasks` and what each of them takes, read from the tree itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click

from qtasks.cli.commands import qtasks

Path_ = tuple[str, ...]


def nodes(command: click.Command, path: Path_ = ()) -> Iterator[tuple[Path_, click.Command]]:
    """Yield a command and all that are below it, with the words that call each."""
    yield path, command
    if isinstance(command, click.Group):
        for name, below in sorted(command.commands.items()):
            yield from nodes(below, (*path, name))


TREE: Final = dict(nodes(qtasks))
"""Every command and group of QTasks itself; the root has no words."""
COMMANDS: Final = {path: one for path, one in TREE.items() if not isinstance(one, click.Group)}
FLAGS: Final = [
    (path, option)
    for path, command in COMMANDS.items()
    for option in command.params
    if isinstance(option, click.Option)
]


def taken(path: Path_) -> list[str]:
    """Return what a command takes: options, `--help` too, by their longest names, and arguments by theirs."""
    command = TREE[path]
    return [longest(one) for one in command.get_params(click.Context(command))]


def longest(parameter: click.Parameter) -> str:
    """Return the name of a parameter that tells most."""
    return max(parameter.opts, key=len)


def words_of(flag: tuple[Path_, str]) -> str:
    """Return a flag with its command, in words."""
    return f"{' '.join(flag[0]) or 'qtasks'} {flag[1]}"
