"""SQLite that hardly ever looks by itself: then what comes soon was pushed, however busy the machine is."""

from __future__ import annotations

import pytest

from qtasks_sqlite import _expiry, consumer
from qtasks_sqlite._inotify import InotifyEar
from qtasks_sqlite._polling import PollingEar

SELDOM = 60.0
"""Seconds between two looks."""

LOOK_SELDOM = f"""
from qtasks_sqlite import consumer
consumer.LONGEST_SLEEP = consumer.EXPIRY_INTERVAL = {SELDOM}
"""
"""The same for the consumers of a program."""


def look_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let who sleeps from now on rest for a minute unless something comes."""
    for ear in (InotifyEar, PollingEar):
        monkeypatch.setattr(ear, "safety", SELDOM)
    monkeypatch.setattr(consumer, "LONGEST_SLEEP", SELDOM)
    monkeypatch.setattr(consumer, "EXPIRY_INTERVAL", SELDOM)
    monkeypatch.setattr(_expiry, "EXPIRY_INTERVAL", SELDOM)
