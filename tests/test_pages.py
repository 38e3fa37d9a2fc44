"""The reference pages say what the code says, and their code runs."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from readme import ROOT, blocks

from qtasks.config import SETTINGS, QueueConfig, Setting
from qtasks.options import OPTION_NAMES, CallOptions
from qtasks.result import TaskView
from qtasks.shared import SHARED
from qtasks.status import TaskStatus

PAGES = [
    "docs/tasks.md",
    "docs/config.md",
    "docs/delivery.md",
    "docs/migration.md",
    "docs/operations.md",
    "CONTRIBUTING.md",
]


def read(page: str) -> str:
    """Return the text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def section(page: str, title: str) -> str:
    """Return what a page says under a heading."""
    match = re.search(rf"^## {title}$(.*?)(?=^## |\Z)", read(page), re.MULTILINE | re.DOTALL)
    assert match, f"{page} has no section {title!r}"
    return match[1]


def first_column(text: str) -> list[str]:
    """Return the names in the first column of tables."""
    return re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module whose code runs in an empty folder, and shares its tasks with no later app."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(SHARED, "_tasks", dict(SHARED._tasks))
    made = sys.modules["page"] = ModuleType("page")
    yield made
    del sys.modules["page"]


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_the_page_runs(page: str, module: ModuleType) -> None:
    """One block after the other, as in one file."""
    for block in blocks(page):
        if block.language == "python":
            exec(compile(block.text, page, "exec"), vars(module))


def test_each_option_of_a_task_is_described() -> None:
    """And none that does not exist."""
    assert sorted(first_column(section("docs/tasks.md", "Options of a task"))) == sorted(OPTION_NAMES)


def test_each_option_of_a_call_is_described() -> None:
    """In the order of the code."""
    described = first_column(section("docs/tasks.md", "Options of one call"))
    assert described == [field.name for field in fields(CallOptions)]


def test_each_status_is_described() -> None:
    """In the order of the code."""
    described = first_column(section("docs/tasks.md", "Waiting"))
    assert described == [str(status) for status in TaskStatus]


def test_each_attribute_of_a_task_is_named() -> None:
    """What a task tells."""
    told = {name for name, value in vars(TaskView).items() if isinstance(value, property)}
    named = set(re.findall(r"`(\w+)`", section("docs/tasks.md", "Waiting")))
    assert told - {"source", "home"} - named == set()


def row(field: str, setting: Setting) -> str:
    """Return the line of the table of settings."""
    return f"| `{field}` | `{as_text(setting.default)}` | {setting.rule} | {setting.acts} | {setting.doc} |"


def as_text(value: Any) -> str:
    """Return a default as the environment would say it."""
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_each_setting_is_described() -> None:
    """Default, rule, meaning and when it acts are those of the code."""
    lines = [
        line for line in section("docs/config.md", "All settings").splitlines() if line.startswith("| `")
    ]
    assert lines == [row(field, setting) for field, setting in SETTINGS.items()]


@pytest.mark.parametrize("field", SETTINGS)
def test_each_setting_is_used(field: str) -> None:
    """A setting that is accepted and ignored is a bug."""
    sources = [*ROOT.glob("qtasks_*/src/**/*.py")]
    assert any(re.search(rf"config\.{field}\b", path.read_text(encoding="utf-8")) for path in sources)


@pytest.mark.parametrize("field", SETTINGS)
def test_the_environment_understands_the_default(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the page shows may be put into the variable."""
    monkeypatch.setenv(f"QTASKS_{field.upper()}", as_text(SETTINGS[field].default))
    assert getattr(QueueConfig(), field) == SETTINGS[field].default
