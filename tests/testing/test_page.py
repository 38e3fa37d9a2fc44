"""`docs/testing.md` is run as its reader would: each block is a file, and pytest runs them."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields

from readme import ROOT, blocks
from testing.conftest import User

from qtasks.testing import TestConfig, plugin
from qtasks.testing.case import AsyncTestCase, SyncTestCase

PAGE = "docs/testing.md"


def test_the_code_of_the_page_runs(user: User) -> None:
    """Every block of Python is a file; no database is made."""
    code = [block for block in blocks(PAGE) if block.language == "python"]
    assert len(code) > 8
    for block in code:
        assert block.file, block.text
        user.write(**{block.file.removesuffix(".py"): block.text})

    done = user.pytest("-o", "asyncio_mode=auto")

    assert set(done.outcomes) == {"passed"}, done.text
    assert done.outcomes["passed"] == sum(len(re.findall(r"\bdef test_", block.text)) for block in code)
    assert user.databases == []


def test_the_test_cases_of_the_page_run_without_pytest(user: User) -> None:
    """They are those of unittest."""
    for block in blocks(PAGE):
        if block.file in {"shop.py", "test_unittest.py", "test_case.py"}:
            user.write(**{block.file.removesuffix(".py"): block.text})

    done = user.python("-W", "error", "-m", "unittest", "test_unittest", "test_case")

    assert done.code == 0, done.text
    assert "Ran 4 tests" in done.text
    assert user.databases == []


def test_each_fixture_is_on_the_page() -> None:
    """And none that does not exist."""
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    source = inspect.getsource(plugin)

    there = set(re.findall(r"@pytest\.fixture\ndef (\w+)", source))
    named = set(re.findall(r"\b(?:qtasks_[a-z]+|assert_(?:not_)?enqueued)\b", text)) - {"qtasks_sqlite"}

    assert there == named


def test_each_method_of_the_cases_is_on_the_page() -> None:
    """With the four ways to make a TestConfig and its fields."""
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    names = {name for kind in (AsyncTestCase, SyncTestCase) for name in dir(kind) if not name.startswith("_")}
    ways = {name for name, value in vars(TestConfig).items() if isinstance(value, classmethod)}

    assert [name for name in sorted(names) if f"`{name}" not in text] == []
    assert [name for name in sorted(ways) if f"TestConfig.{name}()" not in text] == []
    assert [field.name for field in fields(TestConfig) if f"`{field.name}`" not in text] == []
