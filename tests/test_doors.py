"""`from qtasks.brokers import …` and its two neighbours: lazy, and helpful where a package is missing."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import installed
import pytest

import qtasks.brokers
import qtasks.configs
import qtasks.storages
from qtasks import _lazy, discovery

DOORS = {"brokers": "Broker", "storages": "Storage", "configs": "GlobalConfig"}
EXTRAS = {
    f"{face}{stem}": extra
    for face in ("Async", "Sync")
    for stem, extra in (("Redis", "redis"), ("RabbitMQ", "rabbitmq"), ("SQLite", "sqlite"))
}


@pytest.mark.parametrize(("door", "kind"), DOORS.items())
def test_the_built_in_class_is_behind_each_door(door: str, kind: str) -> None:
    """The class of an installed package is found, and is the very class that its scheme uses."""
    module = importlib.import_module(f"qtasks.{door}")
    cls = getattr(module, f"AsyncMemory{kind}")
    assert cls is discovery.load(f"qtasks.{door}", f"AsyncMemory{kind}")
    assert vars(module)[f"AsyncMemory{kind}"] is cls, "the next import looks nothing up"


@pytest.mark.parametrize(("door", "kind"), DOORS.items())
@pytest.mark.parametrize(("stem", "extra"), EXTRAS.items())
def test_a_missing_package_is_named_through_from_import(
    door: str, kind: str, stem: str, extra: str, tmp_path: Path
) -> None:
    """`from … import AsyncRedisBroker` says which command installs it."""
    vars(importlib.import_module(f"qtasks.{door}")).pop(f"{stem}{kind}", None)
    with installed.site(tmp_path, alone=True), pytest.raises(ImportError) as caught:
        exec(f"from qtasks.{door} import {stem}{kind}", {})
    assert str(caught.value) == (
        f'{stem}{kind} is in a package that is not installed: pip install "qtasks[{extra}]"'
    )


@pytest.mark.parametrize("name", ["AsyncRedsBroker", "AsyncRedisStorage", "XAsyncRedisBroker", "__wrapped__"])
def test_any_other_name_is_an_attribute_error(name: str) -> None:
    """A misspelt name, or a name of another door, is no part of the module."""
    assert not hasattr(qtasks.brokers, name)
    with pytest.raises(AttributeError, match=f"'qtasks.brokers' has no attribute '{name}'"):
        _lazy.load("qtasks.brokers", name, {})


@pytest.mark.parametrize(("door", "kind"), DOORS.items())
def test_dir_shows_what_is_installed_and_nothing_else(door: str, kind: str) -> None:
    """`dir()` lists the classes of installed packages, none of the helpers."""
    shown = dir(importlib.import_module(f"qtasks.{door}"))
    assert f"AsyncMemory{kind}" in shown
    assert set(shown) - set(discovery.find(f"qtasks.{door}")) <= {"QueueConfig"}


def test_the_settings_are_behind_the_door_of_configs() -> None:
    """`qtasks.configs` gives the settings of an app too."""
    assert qtasks.configs.QueueConfig.__module__ == "qtasks.config"
    assert "QueueConfig" in dir(qtasks.configs)


def test_the_doors_open_nothing_by_themselves() -> None:
    """Importing the doors loads no backend and reads no metadata."""
    code = (
        "import sys, qtasks.brokers, qtasks.storages, qtasks.configs\n"
        "late = {'importlib.metadata', 'qtasks.memory', 'qtasks_sqlite', 'aiosqlite'}\n"
        "assert not late & set(sys.modules), late & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_a_third_party_is_behind_the_door(tmp_path: Path) -> None:
    """A class of any installed distribution is found under its own name."""
    with installed.site(tmp_path) as site:
        site.install("qtasks-nats", discovery.STORAGES, AsyncNatsStorage="fake_nats_storage:Nats")
        site.module("fake_nats_storage", "class Nats: ...")
        assert qtasks.storages.AsyncNatsStorage.__name__ == "Nats"  # type: ignore[attr-defined]
    delattr(qtasks.storages, "AsyncNatsStorage")
