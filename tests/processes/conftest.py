"""A place of its own for each trial, and nothing left of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from processes.place import Place


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """A file of tasks; its processes end with the test, however that ends."""
    place = Place(tmp_path)
    try:
        yield place
    finally:
        await place.close()
