"""Every field of `app.config` changes what it says, set on the app and by the environment.

Each trial looks at an app with the default, and at one with another value, in memory and in a file. A field
that has no trial fails the last test.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from cli.command import Folder
from features.setting_trials import FILES, SETTINGS
from features.trials import Case, Places, Table, each

from qtasks import config
from qtasks.asyncio import QueueTasks
from qtasks.config import QueueConfig
from qtasks.errors import ConfigError

LOGS: Final = Table("settings of the log")
WAYS: Final = ("attribute", "environment")
NOT_A_TEXT: Final = "task_default_decode"
"""The field whose value is a function: it has no text, and the environment can only say none."""


def variables(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment that says the same."""
    return {f"QTASKS_{field.upper()}": text(value) for field, value in settings.items()}


def text(value: Any) -> str:
    """Return a value as somebody writes it into the environment."""
    return ",".join(value) if isinstance(value, tuple) else str(value)


def given(places: Places, case: Case, way: str, monkeypatch: pytest.MonkeyPatch) -> QueueTasks:
    """Return an app with the settings of a trial."""
    if way == "environment" and case.name != NOT_A_TEXT:
        for variable, value in variables(case.given).items():
            monkeypatch.setenv(variable, value)
        return places.app()
    app = places.app()
    for field, value in case.given.items():
        setattr(app.config, field, value)
    return app


@pytest.mark.parametrize("way", WAYS)
@each(SETTINGS)
async def test_a_setting(places: Places, case: Case, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the default one thing is seen, with the setting another."""
    assert await case.trial(places.app()) == case.usual
    assert await case.trial(given(places, case, way, monkeypatch)) == case.then


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize("way", WAYS)
@each(FILES)
async def test_a_setting_of_a_file(
    places: Places, case: Case, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for what needs a second process: memory tells its waiters in the same step."""
    await test_a_setting(places, case, way, monkeypatch)


def test_a_function_is_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment may say that a field for a function has none, and nothing else."""
    monkeypatch.setenv(f"QTASKS_{NOT_A_TEXT.upper()}", "none")
    assert QueueConfig().task_default_decode is None
    monkeypatch.setenv(f"QTASKS_{NOT_A_TEXT.upper()}", "json.loads")
    with pytest.raises(ConfigError, match=f"QTASKS_{NOT_A_TEXT.upper()} must be a function, or none"):
        QueueConfig()


MODULE = """
from qtasks.asyncio import QueueTasks
app = QueueTasks("shop", broker_url={url!r})
for field, value in {settings!r}.items():
    setattr(app.config, field, value)

@app.task
async def note() -> None: ...

if __name__ == "__main__":
    app.run_forever()
"""
COMMAND: Final = {"start": ("-m", "qtasks"), "arguments": ("-A", "shop:app", "run")}
PROGRAM: Final = {"start": ("shop.py",), "arguments": ()}
"""The two ways in which a worker is started."""


@LOGS.shows(usual=False, then=True, logs_default_level_server=10)
async def debug_lines_of_a_worker(folder: Folder, **environment: Any) -> object:
    """Whether a worker says that it is connected, which it does in lines of the level DEBUG."""
    return "DEBUG" in log_of_a_worker(folder, COMMAND, environment)


@LOGS.shows(usual=False, then=True, logs_default_level_server=10)
async def debug_lines_of_a_program(folder: Folder, **environment: Any) -> object:
    """The same for one that calls `app.run_forever()`."""
    return "DEBUG" in log_of_a_worker(folder, PROGRAM, environment)


@LOGS.shows(usual=False, then=True, logs_format="<%(levelname)s> %(message)s")
async def lines_of_a_form(folder: Folder, **environment: Any) -> object:
    """Whether the lines of a worker look so."""
    return "<INFO> " in log_of_a_worker(folder, COMMAND, environment)


@LOGS.shows(usual=False, then=True, logs_format="<%(levelname)s> %(message)s")
async def lines_of_a_program(folder: Folder, **environment: Any) -> object:
    """The same for one that calls `app.run_forever()`."""
    return "<INFO> " in log_of_a_worker(folder, PROGRAM, environment)


@LOGS.shows(usual=False, then=True, logs_default_level_client=10)
async def debug_lines_of_a_client(folder: Folder, **environment: Any) -> object:
    """Whether a command that only looks says that it is connected."""
    result = folder.qtasks("-A", "shop:app", "counts", **environment)
    assert result.code == 0
    return "DEBUG" in result.err and "is connected" in result.err


CLIENT: Final = """
import asyncio, logging
from shop import app

async def main():
    async with app:
        await app.ping(False)

logging.basicConfig()
asyncio.run(main())
"""


@LOGS.shows(usual=False, then=True, logs_default_level_client=10)
async def debug_lines_of_a_program_that_sends(folder: Folder, **environment: Any) -> object:
    """The same for a program that has a log of its own."""
    result = folder.qtasks(start=("-c", CLIENT), **environment)
    assert result.code == 0, result
    return "DEBUG" in result.err and "is connected" in result.err


def log_of_a_worker(folder: Folder, way: Mapping[str, tuple[str, ...]], environment: dict[str, str]) -> str:
    """Return what a worker logs until it is told to stop, and to its end."""
    lines = ""
    with folder.running(*way["arguments"], start=way["start"], **environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines += line
            if "works on" in line:
                process.terminate()
    assert process.returncode == 0, lines
    return lines


@pytest.mark.parametrize("way", WAYS)
@each(LOGS)
async def test_a_setting_of_the_log(tmp_path: Path, case: Case, way: str, kind: str) -> None:
    """The command logs as the app or the environment says."""
    folder = Folder(tmp_path)
    for settings, seen in (({}, case.usual), (case.given, case.then)):
        url = Places(kind, tmp_path).url()
        folder.write("shop.py", MODULE.format(url=url, settings=settings if way == "attribute" else {}))
        environment = variables(settings) if way == "environment" else {}
        assert await case.trial(folder, **environment) == seen


def test_every_setting_has_a_trial() -> None:
    """The tables have the names of the fields, each in one of them."""
    names = set(config.SETTINGS)
    logs, files = {name for name in names if name.startswith("logs_")}, {case.name for case in FILES}
    SETTINGS.check(names - logs - files)
    LOGS.check(logs)
    FILES.check(names & files)
