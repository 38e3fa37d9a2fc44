"""What the command prints for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli.command import Folder
from cli.inside import Place

from qtasks.cli.output import duration, moment, pairs, table, words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (-5, "0s"),
        (0.9, "0s"),
        (59.9, "59s"),
        (60, "1m"),
        (200, "3m 20s"),
        (3_600, "1h"),
        (3_659, "1h"),
        (18_120, "5h 2m"),
        (86_400 * 12 + 3_600 * 4 + 59, "12d 4h"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float | None, text: str) -> None:
    """Nobody reads 1036859 seconds."""
    assert duration(seconds) == text


def test_a_moment_is_told_in_utc_and_from_now() -> None:
    """Both what the log says and how long ago it was, or how far ahead it is."""
    now = datetime.now(UTC)
    zone = now.astimezone().tzinfo
    past = (now - timedelta(minutes=3, seconds=0.5)).astimezone(zone)
    assert moment(past) == f"{past.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC (3m ago)"
    assert moment(now + timedelta(hours=2, seconds=30)).endswith("(in 2h)")
    assert moment(None) == "-"


def test_a_table_is_aligned() -> None:
    """Whole numbers to the right, text to the left, no blanks at the end of a line."""
    text = table(("NAME", "TASKS", "NOTE"), [("a", 5, None), ("longer", 1200, "x\ny"), ("b", 7, "")])
    assert text.splitlines() == [
        "NAME    TASKS  NOTE",
        "a           5  -",
        "longer   1200  x\\ny",
        "b           7  -",
    ]


def test_values_stand_below_each_other() -> None:
    """Further lines of a text begin where its first line does."""
    assert pairs([("id", 1), ("failure", "one\ntwo"), ("note", None)]).splitlines() == [
        "id       1",
        "failure  one",
        "         two",
        "note     -",
    ]


def test_nothing_that_steers_a_terminal_is_printed() -> None:
    """Escapes, also those of eight bits, and marks that turn the text around, are told by number."""
    assert words("a\x1b[31m\x9b\u202eb") == "a\\x1b[31m\\x9b\\u202eb"
    assert words("héllo, мир") == "héllo, мир"
    assert (words(True), words(False)) == ("yes", "no")


def test_a_terminal_that_lacks_a_character_gets_its_number(tmp_path: Path) -> None:
    """It is no error, also on a terminal that knows only Western letters."""
    place = Place(f"sqlite:///{tmp_path / 'tasks.db'}")
    task = place.add("письмо")
    result = Folder(tmp_path).qtasks("task", "show", task, *place.options, PYTHONIOENCODING="latin-1")
    assert result.code == 0, result
    assert "\\u043f\\u0438\\u0441\\u044c\\u043c\\u043e" in result.out
