"""The settings of an app."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from core.conftest import Working

from qtasks import QueueConfig
from qtasks.asyncio import QueueTasks
from qtasks.config import SETTINGS, Acts
from qtasks.errors import ConfigError, UsageError


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


def test_subscribers_are_told_in_order_also_after_one_that_raises() -> None:
    """The change stands, all are told what is kept, and then the error is raised where the field was set."""
    config, told = QueueConfig(), list[Any]()

    def fail(_config: QueueConfig, field: str, _value: Any) -> None:
        told.append("first")
        raise LookupError(field)

    config.subscribe(fail)
    config.subscribe(lambda _config, _field, value: told.append(value))
    with pytest.raises(LookupError, match="queues"):
        config.queues = ["a", "b"]  # type: ignore[assignment]

    assert (told, config.queues) == (["first", ("a", "b")], ("a", "b"))
    config.subscribe(fail)
    with pytest.raises(ExceptionGroup) as caught:
        config.queues = ("c",)
    assert len(caught.value.exceptions) == 2


def test_a_subscription_ends() -> None:
    """Also while callbacks are called; who is not subscribed, and what cannot be called, is refused."""
    config, told = QueueConfig(), list[str]()

    def once(config: QueueConfig, field: str, _value: Any) -> None:
        told.append(field)
        config.unsubscribe(once)

    config.subscribe(once)
    config.subscribe(lambda _config, field, _value: told.append(f"{field} again"))
    config.grace = 1.0
    config.grace = 2.0

    assert told == ["grace", "grace again", "grace again"]
    with pytest.raises(UsageError, match="not subscribed"):
        config.unsubscribe(once)
    with pytest.raises(ConfigError, match=r"takes a function .* not 5"):
        config.subscribe(5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("QTASKS_LEESE", "QTASKS_LEASE"),
        ("QTASKS_lease", "QTASKS_LEASE"),
        ("qtasks_grace", "QTASKS_GRACE"),
        ("QTASKS_QUEUE", "QTASKS_QUEUES"),
        ("QTASKS_LOGS_DEFAULT_LEVEL", "QTASKS_LOGS_DEFAULT_LEVEL_CLIENT"),
        ("QTASKS_MAX_TASK_PROCES", "QTASKS_MAX_TASKS_PROCESS"),
        ("QTASKS_ULR", "QTASKS_URL"),
        ("QTASKS_PLUGIN", "QTASKS_PLUGINS"),
    ],
)
def test_a_misspelt_variable(monkeypatch: pytest.MonkeyPatch, name: str, meant: str) -> None:
    """It is an error that names the variable and the one that is meant."""
    monkeypatch.setenv(name, "5")
    with pytest.raises(ConfigError, match=rf"^{name} in the environment .* did you mean {meant}\?$"):
        QueueConfig()


@pytest.mark.parametrize(
    "name", ["QTASKS_RELEASE", "QTASKS_SHARD", "QTASKS_DEMO_LEDGER", "QTASKS_TRACE_PLUGINS"]
)
def test_a_variable_of_another_kind(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It is left alone."""
    monkeypatch.setenv(name, "1")
    QueueConfig()


def test_another_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an argument, or an attribute of a subclass; only its own variables count."""
    monkeypatch.setenv("SHOP_LEASE", "7")
    monkeypatch.setenv("QTASKS_LEASE", "8")

    class Settings(QueueConfig):
        environ_prefix = "SHOP_"

    for config in (QueueConfig(environ_prefix="SHOP_"), Settings()):
        assert (config.lease, config.environ_prefix) == (7.0, "SHOP_")
    assert QueueConfig().lease == 8.0
    monkeypatch.setenv("SHOP_GRASE", "7")
    QueueConfig()
    with pytest.raises(ConfigError, match=r"SHOP_GRASE .* SHOP_GRACE"):
        QueueConfig(environ_prefix="SHOP_")
    for wrong in ("", "A-", 5):
        with pytest.raises(ConfigError, match="environ_prefix is the begin of names"):
            QueueConfig(environ_prefix=wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"QueueConfig\(environ_prefix="):
        QueueConfig().environ_prefix = "SHOP_"


def test_what_was_given_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """By argument, attribute or environment, also where it is the default."""
    monkeypatch.setenv("QTASKS_LEASE", "30")
    config = QueueConfig(grace=30.0)
    config.max_deliveries = 5

    given = {field for field in SETTINGS if config.is_given(field)}
    assert given == {"lease", "grace", "max_deliveries"}


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("queues", ["a=3", "a=5"], "'a' is named twice"),
        ("queues", ["a", "a"], "'a' is named twice"),
        ("queues", ["a=-1"], "the weight of queue 'a' must be a whole number from 1 to 10000, not '-1'"),
        ("queues", ["a=0"], "not '0'"),
        ("queues", ["a="], "not ''"),
        ("queues", ["a=1.5"], "not '1.5'"),
        ("queues", ["a= 3"], "not ' 3'"),
        ("queues", ["a=10001"], "not '10001'"),
        ("queues", ["a=" + "9" * 5000], "from 1 to 10000"),
        ("queues", ["a =3"], "names of at most"),
        ("queues", ["a=b=3"], "names of at most"),
        ("queues", {"a": 3}, "names of at most"),
        ("queues", "abc", "names of at most"),
        ("queues", [], "names of at most"),
        ("lease", 1e300, "at most 315360000"),
        ("grace", 10**400, "at most 315360000"),
        ("result_ttl", 1e12, "at most 315360000"),
        ("max_deliveries", 10**5000, "a whole number, at least 1"),
        ("max_result_size", 2**70, "at most 1099511627776"),
        ("result_statuses_end", {"error": 1}, "names of statuses"),
        ("logs_default_level_server", 2**70, "at most 1000"),
        ("logs_format", "%(mesage)s", "nothing is known of %(mesage)s; did you mean %(message)s?"),
        ("logs_format", "%(levelname)d %(message)s", "%d format"),
        ("logs_format", "{message}", "Invalid format"),
        ("logs_format", "plain", "Invalid format"),
        ("logs_format", 5, "a format of `logging`"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_value_that_cannot_be_kept(field: str, value: Any, told: str) -> None:
    """The error says what is wrong with it, however large it is, and the old value stays."""
    config = QueueConfig()
    with pytest.raises(ConfigError) as caught:
        setattr(config, field, value)

    assert told in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert getattr(config, field) == SETTINGS[field].default


def other_value(field: str) -> Any:
    """Return an allowed value that is not the default."""
    default = SETTINGS[field].default
    others = {"queues": ("other",), "serializer": "msgpack", "task_default_decode": str}
    if field in others:
        return others[field]
    return not default if isinstance(default, bool) else default + 1


@pytest.mark.parametrize("field", [field for field, each in SETTINGS.items() if each.acts is Acts.STARTING])
async def test_what_acts_at_the_start_of_a_worker(app: QueueTasks, working: Working, field: str) -> None:
    """While one works a change is refused, the same value is not; before and afterwards it is made."""
    before = getattr(app.config, field)
    async with working(app):
        setattr(app.config, field, before)
        with pytest.raises(UsageError, match=f"{field} acts when a worker starts, and one works"):
            setattr(app.config, field, other_value(field))
        assert getattr(app.config, field) == before

    setattr(app.config, field, other_value(field))
    assert getattr(app.config, field) == other_value(field) != before


@pytest.mark.parametrize("field", [field for field, each in SETTINGS.items() if each.acts is Acts.CONNECTING])
async def test_what_acts_when_the_app_connects(app: QueueTasks, field: str) -> None:
    """While it is connected a change is refused."""
    async with app:
        with pytest.raises(UsageError, match=f"{field} acts when the app connects, and the app is connected"):
            setattr(app.config, field, other_value(field))

    setattr(app.config, field, other_value(field))
    assert getattr(app.config, field) == other_value(field)


async def test_other_settings_for_a_connected_app(app: QueueTasks) -> None:
    """They are refused, as parts have the old ones; afterwards they are taken, if they are settings."""
    before, other = app.config, QueueConfig()
    async with app:
        app.config = before
        with pytest.raises(UsageError, match="keeps its settings"):
            app.config = other
        assert app.config is before
    app.config = other
    assert app.config is other
    with pytest.raises(ConfigError, match="not 5"):
        app.config = 5  # type: ignore[assignment]


def test_a_loop_that_has_ended_holds_nothing(url: str) -> None:
    """An app that nobody has disconnected takes settings once its loop is gone."""
    app = QueueTasks("tests", url, plugins=False)
    asyncio.run(_count(app))

    app.config.hook_timeout = 1.0
    assert app.config.hook_timeout == 1.0


async def _count(app: QueueTasks) -> None:
    await app.counts()
