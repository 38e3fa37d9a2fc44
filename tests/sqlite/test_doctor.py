"""What `qtasks doctor` finds about a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtasks.doctor import Check, Level
from qtasks.testing.conformance import World
from qtasks_sqlite import BACKEND


async def _checks(url: str) -> list[Check]:
    assert BACKEND.doctor is not None
    return [check async for check in BACKEND.doctor(url)]


async def test_sound_file(world: World, url: str) -> None:
    """A file in use has no problem."""
    process = await world.process()
    await process.publish(world.message())

    assert {check.level for check in await _checks(url)} <= {Level.OK, Level.WARNING}


async def test_missing_file_is_left_missing(url: str, path: Path) -> None:
    """Looking creates nothing."""
    checks = await _checks(url)

    assert "does not exist yet" in checks[-1].text
    assert not path.exists()


async def test_missing_folder(tmp_path: Path) -> None:
    """A folder that is not there is a problem, and the hint says what to do."""
    (problem,) = [c for c in await _checks(f"sqlite:///{tmp_path}/no/tasks.db") if c.level is Level.PROBLEM]

    assert problem.hint == "create it"


async def test_foreign_file(url: str, path: Path) -> None:
    """A file of another kind is a problem."""
    path.write_text("notes" * 1000)

    assert [c.level for c in await _checks(url)][-1] is Level.PROBLEM


async def test_damaged_file(url: str, ask: Any) -> None:
    """A database of somebody else is a problem too."""
    ask("CREATE TABLE customer (id)")

    (problem,) = [c for c in await _checks(url) if c.level is Level.PROBLEM]
    assert "another program" in problem.text
