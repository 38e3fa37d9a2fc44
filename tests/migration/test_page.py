"""`docs/migration.md`: every row has a reason, every link leads somewhere, every name exists."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from qtasks.asyncio import QueueTasks
from qtasks.config import SETTINGS
from qtasks.context import AsyncContext
from qtasks.options import OPTION_NAMES
from qtasks.plugins.triggers import catalogue
from qtasks.result import Task
from qtasks.task import AsyncTask
from qtasks.testing import TestConfig

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "migration.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("|") and not line.startswith("|---")
]
KNOWN: dict[str, list[Any]] = {
    "app": [QueueTasks("page", "memory://", plugins=False)],
    "ctx": [AsyncContext],
    "task": [Task, AsyncTask],
    "TestConfig": [TestConfig],
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_row_says_what_is_different_and_why(row: list[str]) -> None:
    """Three columns, none of them empty."""
    assert len(row) == 3
    assert all(row)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)]+)\)", PAGE))))
def test_each_link_leads_somewhere(target: str) -> None:
    """To a page of this folder, and to a heading of it."""
    page, _, anchor = target.partition("#")
    text = (DOCS / page).read_text(encoding="utf-8") if page else PAGE
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    anchors = [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
    assert not anchor or anchor in anchors


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_the_second_column_names_is_there(row: list[str]) -> None:
    """Each `app.…`, `ctx.…` and `task.…` that it tells to use."""
    for owner, name in re.findall(r"`(?:await )?(app|ctx|task|TestConfig)\.(\w+)", row[1]):
        assert any(hasattr(told, name) for told in KNOWN[owner]), f"{owner}.{name}"


def test_every_kept_setting_and_option_is_one() -> None:
    """The names of version 1 that the page says are the same."""
    for named, known in (
        ("`max_tasks_process`", {*SETTINGS, "environ_prefix", "subscribe"}),
        ("`name`", OPTION_NAMES),
    ):
        row = next(row for row in ROWS if row[0].startswith(named))
        assert set(re.findall(r"`(\w+)`", row[0])) - known == set()


def test_every_trigger_that_the_page_names_is_fired() -> None:
    """So that a handler written after this page is called."""
    row = next(row for row in ROWS if "app.events.on" in row[0])
    named = set(re.findall(r"`(\w+)`", row[1]))
    assert named
    assert named <= catalogue().keys()


def test_what_is_left_to_others_is_said() -> None:
    """Kafka, sockets and gRPC, each with a word on why."""
    left = PAGE.partition("## Left to others")[2]
    assert re.findall(r"^- \*\*(.+?)\.\*\*", left, re.MULTILINE) == ["Kafka", "Socket brokers", "gRPC"]


def test_the_parts_of_a_test_are_named() -> None:
    """Each class method of `TestConfig` that makes one is on the page."""
    made = {name for name, value in vars(TestConfig).items() if isinstance(value, classmethod)}
    assert {
        name for name in made if f"`TestConfig.{name}()`" not in PAGE and f"`{name}()`" not in PAGE
    } == set()
    assert {field.name for field in fields(TestConfig)} == {
        "worker", "broker", "storage", "global_config", "plugins",
    }  # fmt: skip
