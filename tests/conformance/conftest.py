"""What the trials of the kit share."""

from __future__ import annotations

import pytest

from qtasks_sqlite import _expiry, consumer
from qtasks_sqlite._inotify import InotifyEar
from qtasks_sqlite._polling import PollingEar

SELDOM = 60.0
"""Seconds between two looks of a backend by itself: what comes sooner was pushed, on a busy machine too."""


@pytest.fixture(autouse=True)
def _looks_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let SQLite look by itself so seldom that no promise of a moment is kept by it."""
    for ear in (InotifyEar, PollingEar):
        monkeypatch.setattr(ear, "safety", SELDOM)
    monkeypatch.setattr(consumer, "LONGEST_SLEEP", SELDOM)
    monkeypatch.setattr(consumer, "EXPIRY_INTERVAL", SELDOM)
    monkeypatch.setattr(_expiry, "EXPIRY_INTERVAL", SELDOM)
