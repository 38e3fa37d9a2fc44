"""The settings of an app."""

from __future__ import annotations

from typing import Any

import pytest

from qtasks import QueueConfig
from qtasks.config import SETTINGS
from qtasks.errors import ConfigError


def test_a_subscriber_learns_of_each_change() -> None:
    """It gets the config, the field and the value, after the change."""
    config, told = QueueConfig(), list[tuple[Any, str, Any]]()
    config.subscribe(lambda config, field, value: told.append((config.grace, field, value)))

    config.grace = 7.0

    assert told == [(7.0, "grace", 7.0)]


def test_a_wrong_value_is_refused_and_changes_nothing() -> None:
    """The error names field and rule; an unknown field gets the nearest name."""
    config = QueueConfig()
    wrong: tuple[Any, ...] = (-1, float("nan"), float("inf"), True, "5")
    for value in wrong:
        with pytest.raises(ConfigError, match="grace must be seconds"):
            config.grace = value
    with pytest.raises(ConfigError, match="'lease'"):
        config.leese = 3

    assert config.grace == SETTINGS["grace"].default


def test_values_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list is split at commas, and a wrong value is an error that names the variable."""
    monkeypatch.setenv("QTASKS_QUEUES", "a, b")
    monkeypatch.setenv("QTASKS_RUNNING_OLDER_TASKS", "yes")
    monkeypatch.setenv("QTASKS_RESULT_TTL", "none")
    config = QueueConfig()

    assert (config.queues, config.running_older_tasks, config.result_ttl) == (("a", "b"), True, None)
    monkeypatch.setenv("QTASKS_LEASE", "soon")
    with pytest.raises(ConfigError, match="QTASKS_LEASE"):
        QueueConfig()
