"""What all tests share."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import Final

import pytest

from qtasks.shared import SHARED

MOST_WORKERS: Final = 8
"""So many tests at a time are enough for any machine."""


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marks of this suite."""
    config.addinivalue_line("markers", "once: does not depend on the version of Python; run on one of them")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Say how many tests `-n auto` runs at a time: most of them wait, so there is one more than cores."""
    return min((os.cpu_count() or 1) + 1, MOST_WORKERS)


@pytest.fixture(autouse=True)
def _nothing_is_left_shared() -> Iterator[None]:
    """Forget after each test what it has shared with every app, so that tests run in any order."""
    before = dict(SHARED._tasks)
    yield
    SHARED._tasks = before


@pytest.fixture(autouse=True)
def _loggers_stay_as_they_were() -> Iterator[None]:
    """Give every logger of QTasks back the level that it had before the test."""
    before = {logger: logger.level for logger in _loggers()}
    yield
    for logger in _loggers():
        logger.setLevel(before.get(logger, logging.NOTSET))


def _loggers() -> list[logging.Logger]:
    known = tuple(logging.Logger.manager.loggerDict.items())
    return [one for name, one in known if name.startswith("qtasks") and isinstance(one, logging.Logger)]
