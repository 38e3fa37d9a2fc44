"""`QueueConfig` of version 1: fields, defaults, environment, subscriptions."""

from __future__ import annotations

from typing import Any

import pytest
from core.conftest import Working

from qtasks.asyncio import QueueTasks
from qtasks.configs import QueueConfig
from qtasks.errors import ConfigError
from qtasks.status import TaskStatus

KEPT = {
    "max_tasks_process": 10,
    "running_older_tasks": False,
    "delete_finished_tasks": False,
    "task_default_priority": 0,
    "task_default_decode": None,
    "logs_default_level_server": 20,
    "logs_default_level_client": 20,
    "result_time_interval": 1.0,
}


def test_the_fields_have_the_defaults_of_version_1() -> None:
    """All but two: those of the log format and of the final statuses."""
    config = QueueConfig()
    assert {field: getattr(config, field) for field in KEPT} == KEPT
    assert config.environ_prefix == "QTASKS_"
    assert set(config.result_statuses_end) >= {"success", "error", "cancel"}


def test_a_field_is_set_when_it_is_made_or_later() -> None:
    """By keyword or as an attribute; lists may be lists."""
    config = QueueConfig(max_tasks_process=3, result_statuses_end=["success", "error"])
    config.running_older_tasks = True
    assert (config.max_tasks_process, config.running_older_tasks) == (3, True)
    assert config.result_statuses_end == ("success", "error")


def test_subscribers_are_told_of_each_change() -> None:
    """`callback(config, key, value)`, as in version 1."""
    config, told = QueueConfig(), list[Any]()
    config.subscribe(lambda *change: told.append(change))
    config.max_tasks_process = 5
    assert told == [(config, "max_tasks_process", 5)]


@pytest.mark.parametrize("text", ["1", "true", "YES", "on"])
def test_the_environment_sets_fields(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`QTASKS_<FIELD>`, with the words of version 1 for true; lists are separated by commas."""
    monkeypatch.setenv("QTASKS_RUNNING_OLDER_TASKS", text)
    monkeypatch.setenv("QTASKS_RESULT_STATUSES_END", "success,error")
    app = QueueTasks("x", "memory://", plugins=False)
    assert app.config.running_older_tasks is True
    assert app.config.result_statuses_end == ("success", "error")


def test_a_wrong_value_in_the_environment_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the variable; version 1 ignored it."""
    monkeypatch.setenv("QTASKS_MAX_TASKS_PROCESS", "many")
    with pytest.raises(ConfigError, match="QTASKS_MAX_TASKS_PROCESS"):
        QueueConfig()


def test_another_prefix_is_said_when_settings_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in version 1: it is read then, and not later."""
    monkeypatch.setenv("SHOP_MAX_TASKS_PROCESS", "4")
    config = QueueConfig(environ_prefix="SHOP_")
    assert (config.max_tasks_process, config.environ_prefix) == (4, "SHOP_")
    with pytest.raises(ConfigError, match="read when settings are made"):
        config.environ_prefix = "OTHER_"


@pytest.mark.parametrize("field", ["global_config_status_ttl", "global_config_status_set_periodic"])
def test_what_the_lease_has_replaced_says_so(field: Any) -> None:
    """Version 1 stored such a value, and read its own."""
    with pytest.raises(ConfigError, match="`lease` says"):
        setattr(QueueConfig(), field, 3)


def test_a_priority_is_one_of_ten() -> None:
    """Version 1 took any number, and none had an effect."""
    with pytest.raises(ConfigError, match="at most 9"):
        QueueConfig(task_default_priority=21)


def test_an_unknown_field_is_an_error() -> None:
    """Version 1 kept any attribute, and so also misspelt ones."""
    with pytest.raises(ConfigError, match="did you mean 'max_tasks_process'"):
        QueueConfig().max_task_process = 3


async def test_task_default_priority_and_decode_have_an_effect(app: QueueTasks, working: Working) -> None:
    """For tasks that name none; version 1 used the second nowhere."""
    app.config.task_default_priority = 4
    app.config.task_default_decode = str

    @app.task
    async def seven() -> Any:
        return 7

    async with working(app):
        task = await seven.add_task(timeout=30)
    assert (task.priority, task.returning) == (4, "7")


async def test_delete_finished_tasks_leaves_what_has_not_ended(app: QueueTasks, working: Working) -> None:
    """Version 1 also removed the records of tasks that ran elsewhere."""

    @app.task
    async def done() -> None: ...

    async with app:  # what is in memory stays there
        async with working(app):
            ended = await done.add_task(timeout=30)
        waiting = await done.options(queue="later").add_task()
        app.config.delete_finished_tasks = True
        async with working(app):
            left = await app.find()
    assert (ended.status, [one.id for one in left]) == (TaskStatus.SUCCESS, [waiting.id])
