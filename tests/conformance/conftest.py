"""What the trials of the kit share."""

from __future__ import annotations

import pytest
from conformance.seldom import look_seldom


@pytest.fixture(autouse=True)
def _looks_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that has to come at once can be found by a look instead."""
    look_seldom(monkeypatch)
