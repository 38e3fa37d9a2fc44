"""The log of a worker that has none, and the levels that settings give to loggers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.command import Folder, wait_for
from core.conftest import Working

from qtasks import QueueConfig
from qtasks.asyncio import QueueTasks
from qtasks.logformat import Formatter

VERSION_1 = "%(asctime)s [%(name)s: %(levelname)s] (%(subname)s) %(message)s"
PROGRAM = """
import logging, sys
from qtasks{face} import QueueTasks
{before}
app = QueueTasks("shop", "memory://", plugins=False{arguments})

@app.task
async def note() -> None: ...

def stop(self, event) -> None:
    logging.getLogger("shop.part").info("a line of the program")
    app.log.debug("a fine line")
    app.config.logs_default_level_server = 10
    app.config.logs_format = "new %(message)s"
    app.log.debug("a finer line")
    logging.getLogger("shop.part").debug("a fine line of the program")
    import os, signal
    os.kill(os.getpid(), signal.SIGTERM)

from qtasks.plugins import hookimpl
app.add_plugin(type("Stop", (), {{"worker_start": hookimpl(stop)}})())
if __name__ == "__main__":
    app.run_forever()
    root = logging.getLogger()
    print("handlers", len(root.handlers), root.level, logging.getLogger("qtasks").level)
"""


PROCESS = """
import asyncio, logging
from qtasks.asyncio import QueueTasks
logging.basicConfig(format="own %(message)s", level=30)
app = QueueTasks("shop", "memory://", plugins=False, log=logging.getLogger("given"))

@app.task(executor="process")
def note(word: str) -> None:
    for name in ("qtasks.body", "given.body", "other"):
        logging.getLogger(name).debug("%s %s", name, word)

async def main() -> None:
    work = asyncio.create_task(app.run(signals=False))
    for word, level in (("first", None), ("second", 10), ("third", 30)):
        if level is not None:
            app.config.logs_default_level_server = level
        await note.add_task(word, timeout=30)
    await app.stop()
    await work

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A working directory for programs."""
    return Folder(tmp_path)


@pytest.fixture
def ours() -> Iterator[logging.Logger]:
    """The logger above all of QTasks, which has no level before and after."""
    ours = logging.getLogger("qtasks")
    assert ours.level == logging.NOTSET
    yield ours
    assert ours.level == logging.NOTSET


def run(
    folder: Folder, face: str = "", before: str = "", arguments: str = "", **environment: str
) -> list[str]:
    """Let a program work until its worker has started, and return the lines of both outputs."""
    folder.write("program.py", PROGRAM.format(face=face, before=before, arguments=arguments))
    done = folder.qtasks(start=("program.py",), **environment)
    assert done.code == 0, done.err
    return [*done.err.splitlines(), *done.out.splitlines()]


@pytest.mark.parametrize("face", ["", ".asyncio"])
def test_run_forever_logs_as_the_command_does(folder: Folder, face: str) -> None:
    """From INFO on, also lines of the program; changes act at once, and the end undoes all."""
    lines = run(folder, face)
    shape = "%(levelname)s|%(name)s|%(subname)s|%(message)s"
    shaped = run(folder, face, QTASKS_LOGS_FORMAT=shape, QTASKS_LOGS_DEFAULT_LEVEL_SERVER="10")

    assert any(line.startswith("new app shop works on memory://") for line in lines)
    assert any("[shop.part: INFO] a line of the program" in line for line in lines)
    assert "new a finer line" in lines
    assert "new stopped" in lines
    assert not any("a fine line" in line for line in lines)
    assert lines[-1] == "handlers 0 30 0"
    assert "DEBUG|qtasks.shop|shop|a fine line" in shaped
    assert "INFO|shop.part|part|a line of the program" in shaped


def test_run_forever_leaves_the_log_of_the_program(folder: Folder) -> None:
    """One that has a handler at the root, and one that gives its logger to the app."""
    own = run(folder, before="logging.basicConfig(stream=sys.stdout, format='own %(message)s', level=30)")
    given = run(folder, arguments=", log=logging.getLogger('given')")

    assert [line for line in own if not line.startswith("own ")] == ["handlers 1 30 0"]
    assert "own a finer line" in own, "the level was set in the program"
    assert "own a line of the program" not in own
    assert given == ["handlers 0 30 0"]


def test_a_given_logger_with_a_handler_is_not_told_twice(folder: Folder) -> None:
    """The command adds no second one; without one it shows the lines. `--log-level` counts in both cases."""
    source = """
import logging, sys
from qtasks import QueueTasks
log = logging.getLogger("given")
{handler}
app = QueueTasks("shop", "memory://", log=log, plugins=False)
"""
    for handler in ("log.addHandler(logging.StreamHandler())", ""):
        folder.write("shop.py", source.format(handler=handler))
        with folder.running("-A", "shop", "run", "--log-level", "debug") as process:
            lines = [wait_for(process, "is connected"), wait_for(process, "works on")]
            process.terminate()
            assert process.stdout is not None
            rest = process.stdout.read()
        assert sum("is connected" in line for line in lines) == 1
        assert "works on" not in rest


async def test_a_level_follows_its_setting(app: QueueTasks, working: Working, ours: logging.Logger) -> None:
    """Live while the worker works, once it is set; afterwards the loggers are as before."""
    async with working(app):
        assert ours.level == logging.NOTSET
        app.config.logs_default_level_server = 10
        assert app.log.isEnabledFor(10)
        app.config.logs_default_level_server = 40
        assert not app.log.isEnabledFor(30)
        app.config.logs_default_level_client = 10
        assert not app.log.isEnabledFor(30), "a process that works is no client"
        app.config.logs_default_level_server = 0
        assert app.log.isEnabledFor(1)


async def test_the_level_of_a_client(url: str, ours: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    """It acts while the app is connected, if it was given; of several the lowest counts."""
    quiet = QueueTasks("quiet", url, plugins=False, config=QueueConfig(logs_default_level_client=40))
    monkeypatch.setenv("QTASKS_LOGS_DEFAULT_LEVEL_CLIENT", "10")
    told = QueueTasks("told", url, plugins=False)
    monkeypatch.undo()
    silent = QueueTasks("silent", url, plugins=False)

    async with silent:
        assert ours.level == logging.NOTSET
        async with quiet:
            assert ours.level == 40
            async with told:
                assert ours.level == 10
                told.config.logs_default_level_client = 50
                assert ours.level == 40
            assert ours.level == 40


async def test_the_level_of_a_given_logger(url: str, ours: logging.Logger) -> None:
    """It follows too; a level that the program sets meanwhile stays."""
    log = logging.getLogger("tests.given")
    log.setLevel(30)
    app = QueueTasks("given", url, log=log, plugins=False)
    async with app:
        assert (log.level, ours.level) == (30, logging.NOTSET)
        app.config.logs_default_level_client = 10
        assert (log.level, ours.level) == (10, 10)
    assert log.level == 30
    async with app:
        log.setLevel(50)
    assert log.level == 50
    log.setLevel(logging.NOTSET)


def test_a_format_of_version_1() -> None:
    """`subname` is the last part of the name of the logger, unless the record has one."""
    config = QueueConfig(logs_format=VERSION_1)
    values = {"name": "qtasks.shop", "levelname": "INFO", "msg": "text"}
    record, named = (logging.makeLogRecord(values | more) for more in ({}, {"subname": "own"}))

    assert Formatter(config.logs_format).format(record).endswith("[qtasks.shop: INFO] (shop) text")
    assert "(own) text" in Formatter(config.logs_format).format(named)


def test_child_processes_follow_the_level(folder: Folder) -> None:
    """Those of `executor="process"`, with each body: the loggers of QTasks and that of the app, no others."""
    folder.write("program.py", PROCESS)
    done = folder.qtasks(start=("program.py",))
    told = [line for line in done.err.splitlines() if ".body" in line or "other" in line]

    assert (done.code, told) == (0, ["own qtasks.body second", "own given.body second"]), done.err


def test_the_doctor_shows_variables_that_nothing_reads(folder: Folder) -> None:
    """A misspelt one is a problem, another one a warning; also with the prefix of the app."""
    folder.write(
        "shop.py",
        """
from qtasks import QueueConfig, QueueTasks
app = QueueTasks("shop", "memory://", plugins=False, config=QueueConfig(environ_prefix="SHOP_"))
""",
    )
    odd = folder.qtasks("doctor", "-A", "shop:app", QTASKS_RELEASE="1", SHOP_COLOUR="red", SHOP_LEASE="5")
    wrong = folder.qtasks("doctor", "--url", "memory://", QTASKS_LEESE="5")

    assert odd.code == 0
    assert "QTASKS_RELEASE in the environment is no setting" in odd.out
    assert "SHOP_COLOUR in the environment is no setting" in odd.out
    assert "SHOP_LEASE" not in odd.out
    assert wrong.code == 1
    assert "QTASKS_LEESE in the environment is not known" in wrong.out
    assert "did you mean QTASKS_LEASE?" in wrong.out
