"""`qtasks doctor`: the checks as lines for people or as JSON for programs."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Final

import click

from qtasks.cli.checks import examine
from qtasks.cli.output import print_json
from qtasks.doctor import Check, Level

_COLOURS: Final = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "red"}


def report(target: str | None, url: str | None, name: str | None = None, *, as_json: bool) -> int:
    """Examine, print, and return the exit code: 1 if there is a problem."""
    checks = asyncio.run(_collect(target, url, name, show=not as_json))
    good = all(check.level is not Level.PROBLEM for check in checks)
    if as_json:
        print_json({"ok": good, "checks": [asdict(check) for check in checks]})
    return 0 if good else 1


async def _collect(target: str | None, url: str | None, name: str | None, *, show: bool) -> list[Check]:
    checks = []
    async for check in examine(target, url, name):
        checks.append(check)
        if show:
            _print(check)
    return checks


def _print(check: Check) -> None:
    click.echo(f"{click.style(f'{check.level:8}', fg=_COLOURS[check.level])} {check.text}")
    if check.hint:
        click.echo(f"{'':8} -> {check.hint}")
