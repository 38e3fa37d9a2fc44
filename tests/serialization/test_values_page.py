"""`docs/values.md` tells the truth: its code runs and says what its comments say."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
from readme import ROOT, blocks

PAGE = "docs/values.md"
SAYS = re.compile(r"^ +print\(.*?\) +# (.*)$", re.MULTILINE)


@pytest.fixture(scope="module")
def page() -> Iterator[ModuleType]:
    """A module with the code of the page, one block after the other."""
    pytest.importorskip("pydantic")
    made = sys.modules["values_page"] = ModuleType("values_page")
    for block in blocks(PAGE):
        exec(compile(block.text, PAGE, "exec"), vars(made))
    yield made
    del sys.modules["values_page"]


def test_each_block_is_python(page: ModuleType) -> None:
    """So each of them has been run."""
    assert {block.language for block in blocks(PAGE)} == {"python"}
    assert len(SAYS.findall((ROOT / PAGE).read_text(encoding="utf-8"))) == 4
    assert page.app.tasks.keys() == {"order", "welcome", "log_in"}


@pytest.mark.parametrize("name", ["send", "refuse", "wrong_value", "leak"])
async def test_the_examples_say_what_they_print(page: ModuleType, name: str) -> None:
    """With a worker of the same app beside them."""
    (block,) = (one.text for one in blocks(PAGE) if f"def {name}(" in one.text)
    printed = io.StringIO()
    async with page.app:
        worker = asyncio.create_task(page.app.run())
        with contextlib.redirect_stdout(printed):
            await getattr(page, name)()
        worker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await worker
    assert printed.getvalue().splitlines() == SAYS.findall(block)


def test_the_serializer_of_the_page_works(page: ModuleType) -> None:
    """What it wrote it reads."""
    value = {"a": [1, "b"]}
    assert page.Packed().decode(page.Packed().encode(value)) == value
