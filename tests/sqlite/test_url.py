"""What a URL stands for, and which parts belong together."""

from __future__ import annotations

from pathlib import Path

import pytest

from qtasks.errors import ConfigError, UsageError
from qtasks.memory import AsyncMemoryStorage
from qtasks.testing.setup import TestSetup
from qtasks_sqlite import BACKEND, AsyncSQLiteBroker, AsyncSQLiteGlobalConfig, AsyncSQLiteStorage
from qtasks_sqlite._url import Level, locate


def test_relative_path_is_fixed_at_construction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path means the folder in which the component was made."""
    monkeypatch.chdir(tmp_path)
    place = locate("sqlite:///some/tasks.db")
    monkeypatch.chdir("/")

    assert place.path == str(tmp_path / "some" / "tasks.db")


def test_default_is_a_file_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a URL it is `qtasks.db` here."""
    monkeypatch.chdir(tmp_path)

    assert locate(None).path == str(tmp_path / "qtasks.db")


def test_symbolic_link_is_the_same_place(tmp_path: Path) -> None:
    """Two ways to one file are one place."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    assert locate(f"sqlite:///{tmp_path}/link/a.db") == locate(f"sqlite:///{tmp_path}/real/a.db")


def test_percent_signs_are_decoded(tmp_path: Path) -> None:
    """A question mark or a blank in the name is written as in any URL."""
    assert locate(f"sqlite:///{tmp_path}/a%20b%3F.db").path == f"{tmp_path}/a b?.db"


@pytest.mark.parametrize(
    ("text", "level"), [("full", Level.FULL), ("normal", Level.NORMAL), ("OFF", Level.OFF)]
)
def test_synchronous_in_the_url_and_as_argument(text: str, level: Level) -> None:
    """The option is the same in both forms."""
    assert locate(f"sqlite:////tmp/a.db?synchronous={text}").level is level
    assert locate("sqlite:////tmp/a.db", text).level is level


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite://", "sqlite:///relative.db"),
        ("sqlite:///", "memory://"),
        ("sqlite:////", "memory://"),
        ("sqlite:///:memory:", "memory://"),
        ("sqlite://host/a.db", "sqlite:///relative.db"),
        ("redis://localhost", "sqlite:///relative.db"),
        ("sqlite:///a.db?journal=wal", "'journal'"),
        ("sqlite:///a.db?synchronous=maybe", "'maybe'"),
        ("sqlite:///a.db?synchronous=", "full, normal or off"),
    ],
)
def test_bad_url_is_refused_with_what_to_write(url: str, words: str) -> None:
    """A URL that names no file, or has an unknown option, is an error at construction."""
    with pytest.raises(ConfigError, match=words):
        AsyncSQLiteBroker(url)


def test_construction_opens_nothing(tmp_path: Path) -> None:
    """A component is made without a loop and without a file."""
    AsyncSQLiteBroker(f"sqlite:///{tmp_path}/a.db")

    assert list(tmp_path.iterdir()) == []


def test_parts_of_one_file_and_app_join(tmp_path: Path) -> None:
    """A storage joins a broker of the same file and app, however each was made."""
    url, other = f"sqlite:///{tmp_path}/a.db", f"sqlite:///{tmp_path}/b.db"
    storage = AsyncSQLiteStorage(url, name="shop")
    by_hand = AsyncSQLiteBroker(f"{url}?synchronous=normal", storage=storage)
    own = AsyncSQLiteBroker(url)

    assert storage.joins(by_hand)
    assert own.storage.joins(own)
    assert not storage.joins(AsyncSQLiteBroker(other, storage=storage))
    assert not storage.joins(AsyncSQLiteBroker(url, storage=storage, name="other"))
    assert not storage.joins(AsyncSQLiteBroker(url, storage=AsyncMemoryStorage()))


def test_made_parts_have_the_same_place_and_level(tmp_path: Path) -> None:
    """What a broker makes itself is of its URL and option."""
    broker = AsyncSQLiteBroker(f"sqlite:///{tmp_path}/a.db", name="shop", synchronous="normal")
    config = broker.storage.global_config

    assert isinstance(config, AsyncSQLiteGlobalConfig)
    assert (config.location, config.name) == (broker.location, "shop")
    assert broker.location.level is Level.NORMAL


def test_backend_names_the_three_classes() -> None:
    """The entry point gives broker, storage and config, which are durable and shared."""
    assert BACKEND.broker is AsyncSQLiteBroker
    assert BACKEND.storage is AsyncSQLiteStorage
    assert BACKEND.global_config is AsyncSQLiteGlobalConfig
    assert BACKEND.limits.durable
    assert BACKEND.limits.shared


async def test_use_before_start_says_what_to_do(url: str) -> None:
    """A component that is not started names the way to start it."""
    with pytest.raises(UsageError, match=r"broker\.start"):
        await AsyncSQLiteBroker(url).flush()
    with pytest.raises(UsageError, match=r"storage\.start"):
        await AsyncSQLiteStorage(url).get(["x"])


async def test_second_start_and_stop_are_no_errors(url: str) -> None:
    """Starting twice holds the file once; stopping twice lets go of it once."""
    config, other = AsyncSQLiteGlobalConfig(url), AsyncSQLiteGlobalConfig(url)
    for _ in range(2):
        await config.start(TestSetup())
    await other.start(TestSetup())
    for _ in range(2):
        await config.stop()

    await other.set("group", "key", 1)
    assert await other.get("key", "group") == 1
    await other.stop()
