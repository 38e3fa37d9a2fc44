"""The command as users type it: exit codes, texts and options."""

from __future__ import annotations

import importlib.metadata
import json
import os
import signal
import sqlite3
from pathlib import Path

import pytest
from cli.command import Folder, wait_for
from installed import Site

from qtasks import discovery


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return an empty working directory."""
    return Folder(tmp_path)


def test_without_click_the_command_says_what_to_install(folder: Folder) -> None:
    """A plain install of the core has the command, which names the missing extra and exits with 2."""
    code = "import sys; sys.modules['click'] = None; from qtasks.cli import main; main()"
    result = folder.qtasks(start=("-c", code))
    assert result.code == 2
    assert result.err == 'the qtasks command needs click: pip install "qtasks[cli]"\n'


def test_the_version(folder: Folder) -> None:
    """`--version` is that of the installed distribution."""
    result = folder.qtasks("--version")
    assert (result.code, result.out) == (0, f"qtasks {importlib.metadata.version('qtasks')}\n")


def test_help_loads_no_backend(folder: Folder) -> None:
    """`--help` lists the commands without importing a worker or a backend."""
    code = (
        "import sys, atexit\n"
        "late = ['qtasks.memory', 'qtasks_sqlite', 'aiosqlite', 'qtasks.worker.engine']\n"
        "atexit.register(lambda: print([name for name in late if name in sys.modules]))\n"
        "from qtasks.cli import main; main()"
    )
    result = folder.qtasks("--help", start=("-c", code))
    assert result.code == 0
    assert "doctor" in result.out
    assert "run" in result.out
    assert result.out.endswith("[]\n")


@pytest.mark.parametrize("before", [True, False])
def test_a_worker_runs_and_stops(folder: Folder, before: bool) -> None:
    """`-A` before or after `run` starts a worker with the given settings; SIGTERM ends it with 0."""
    folder.app()
    place = ("-A", "shop:app", "run") if before else ("run", "--app", "shop")
    with folder.running(*place, "--concurrency", "3", "--queues", "fast, slow") as process:
        wait_for(process, "works on memory://", "queues fast,slow", "3 slots")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_the_level_of_the_log(folder: Folder) -> None:
    """`--log-level debug` shows what is hidden otherwise."""
    folder.app()
    with folder.running("-A", "shop:app", "run", "--log-level", "debug") as process:
        wait_for(process, "[qtasks.shop: DEBUG]")
        process.terminate()
        assert process.wait(30) == 0


def test_an_app_with_a_log_of_its_own_keeps_it(folder: Folder) -> None:
    """A root logger with a handler is left alone, except for a level that is given."""
    folder.app()
    source = (folder.path / "shop.py").read_text()
    logs = "import logging, sys\nlogging.basicConfig(stream=sys.stderr, format='OWN %(message)s', level=30)\n"
    folder.write("shop.py", logs + source)
    with folder.running("-A", "shop:app", "run", "--log-level", "info") as process:
        assert wait_for(process, "works on memory://").startswith("OWN ")
        process.terminate()
        assert process.wait(30) == 0


def test_an_app_without_tasks_is_warned_about(folder: Folder) -> None:
    """A worker that knows no task says so."""
    folder.write("empty.py", "from qtasks.asyncio import QueueTasks\napp = QueueTasks('x', 'memory://')\n")
    with folder.running("-A", "empty:app", "run") as process:
        wait_for(process, "WARNING", "empty:app has no tasks")
        wait_for(process, "works on memory://")
        process.terminate()
        assert process.wait(30) == 0


HAND_BUILT = (
    "from qtasks.asyncio import QueueTasks\n"
    "from qtasks.brokers import AsyncMemoryBroker\n"
    "app = QueueTasks('x', broker=AsyncMemoryBroker())\n"
)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run",), "run needs an app: qtasks -A module:app run"),
        (("-A", "nowhere:app", "run"), "there is no module 'nowhere'"),
        (("-A", "broken", "run"), "ModuleNotFoundError: No module named 'not_installed'"),
        (("-A", "shop:app", "run", "--concurrency", "0"), "'--concurrency'"),
        (("-A", "shop:app", "run", "--queues", ","), "queues must be names of at most 200 characters"),
        (("-A", "shop:app", "run", "--grace", "nan"), "grace must be seconds"),
        (("-A", "shop:app", "run", "--processes", "2"), "memory:// lives inside one process: leave out"),
        (("-A", "hand:app", "run", "--url", "memory://"), "cannot replace a broker"),
        (("-A", "shop:app", "run", "--url", "natz://u:secret@h"), "no installed package serves natz://"),
        (("-A", "shop:app", "run", "--url", "redis://u:sec/ret@h"), "redis:// URL is malformed"),
        (("nothing",), "No such command 'nothing'"),
    ],
)
def test_a_wrong_call_exits_with_2(folder: Folder, arguments: tuple[str, ...], words: str) -> None:
    """What the same call would meet again is told in one text, without a traceback of ours."""
    folder.app()
    folder.write("hand.py", HAND_BUILT)
    folder.write("broken.py", "import not_installed\n")
    result = folder.qtasks(*arguments)
    assert result.code == 2
    assert words in result.err
    assert "qtasks/cli" not in result.err
    assert "secret" not in result.err
    assert "sec/ret" not in result.err


def test_a_dead_worker_process_is_replaced(folder: Folder) -> None:
    """`--processes 2` keeps two workers on one file, whatever happens to one of them."""
    folder.app(url="sqlite:///tasks.db")
    with folder.running("-A", "shop:app", "run", "--processes", "2", "--grace", "1") as process:
        first = int(wait_for(process, "worker process", "has started").split()[-3])
        os.kill(first, signal.SIGKILL)
        wait_for(process, f"worker process {first} has ended (signal 9)")
        wait_for(process, "worker process", "has started")
        process.terminate()
        assert process.wait(30) == 0
        assert process.stdout is not None
        assert process.stdout.read().count("has stopped") == 2


def test_a_supervised_worker_ends_with_its_supervisor(folder: Folder) -> None:
    """SIGKILL of the supervisor stops its worker gracefully: the output ends, nobody holds it."""
    folder.app(url="sqlite:///tasks.db")
    with folder.running("-A", "shop:app", "run", "--processes", "1", "--grace", "1") as process:
        wait_for(process, "works on sqlite:///tasks.db")
        process.kill()
        wait_for(process, "stopped")
        assert process.stdout is not None
        process.stdout.read()


def test_files_named_like_a_dependency_do_no_harm(
    folder: Folder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The console script and its worker processes have imported theirs before the folder is searched."""
    script = tmp_path_factory.mktemp("bin") / "qtasks"
    script.write_text("import sys\nfrom qtasks.cli import main\nsys.exit(main())\n")
    folder.app(url="sqlite:///tasks.db")
    for name in ("click", "msgspec", "pluggy"):
        folder.write(f"{name}.py", "raise ZeroDivisionError('the wrong file')\n")
    arguments = ("-A", "shop:app", "run", "--processes", "1", "--grace", "1")
    with folder.running(*arguments, start=(str(script),)) as process:
        wait_for(process, "works on sqlite:///tasks.db")
        process.terminate()
        assert process.wait(30) == 0


WEB = """
import click

@click.command()
@click.pass_obj
def web(target):
    click.echo(f"web of {target}")
"""

SEND = """
import asyncio, shop

async def main():
    async with shop.app:
        await shop.add.add_task(1, 2)

asyncio.run(main())
"""


def install_command(folder: Folder, source: str) -> None:
    """Install a package that offers the command `web`."""
    Site(folder.path).install("qtasks-web", discovery.COMMANDS, web="fake_web:web")
    folder.write("fake_web.py", source)


def test_a_command_of_an_installed_package(folder: Folder) -> None:
    """A click command of another package is listed, and gets what `-A` names."""
    install_command(folder, WEB)
    result = folder.qtasks("-A", "shop:app", "web", PYTHONPATH=paths(folder))
    assert (result.code, result.out) == (0, "web of shop:app\n")
    assert "web" in folder.qtasks("--help", PYTHONPATH=paths(folder)).out


def test_a_broken_command_leaves_the_others_alone(folder: Folder) -> None:
    """It is listed as broken, and its call names the distribution that owns it."""
    install_command(folder, "raise ZeroDivisionError('no driver')")
    listed = folder.qtasks("--help", PYTHONPATH=paths(folder))
    assert listed.code == 0
    assert "(broken)" in listed.out
    called = folder.qtasks("web", PYTHONPATH=paths(folder))
    assert called.code == 1
    assert "distribution qtasks-web" in called.err


def paths(folder: Folder) -> str:
    """Return a path of imports with this folder in front."""
    return os.pathsep.join(part for part in (str(folder.path), os.environ.get("PYTHONPATH")) if part)


def test_doctor_finds_a_working_backend(folder: Folder) -> None:
    """All is well but that nobody works and memory keeps nothing: warnings, and exit code 0."""
    result = folder.qtasks("doctor", "--url", "memory://")
    assert result.code == 0, result
    assert "ok       the backend answers: 0 records, 0 waiting" in result.out
    assert "warning  no worker is alive" in result.out
    assert "warning  tasks end with the process" in result.out


def test_doctor_tells_of_tasks_that_nobody_takes(folder: Folder) -> None:
    """Waiting tasks without a worker are a problem, with what to do and exit code 1."""
    folder.app(url="sqlite:///tasks.db")
    assert folder.qtasks(start=("-c", SEND)).code == 0
    result = folder.qtasks("doctor", "-A", "shop:app", "--json")
    assert result.code == 1
    answer = json.loads(result.out)
    assert answer["ok"] is False
    problems = [check for check in answer["checks"] if check["level"] == "problem"]
    assert [check["text"] for check in problems] == ["1 tasks wait and no worker is alive"]
    assert problems[0]["hint"] == "start one: qtasks -A module:app run"


def test_doctor_names_what_is_missing(folder: Folder) -> None:
    """A URL that no installed package serves is a problem with the command that helps."""
    result = folder.qtasks("doctor", "--url", "redis://user:secret@host/0")
    assert result.code == 1
    assert "problem  no installed package serves redis:// URLs" in result.out
    assert 'pip install "qtasks[redis]"' in result.out
    assert "secret" not in result.out


def test_doctor_tells_of_data_that_is_not_ours(folder: Folder) -> None:
    """A file of another program is a problem, told in words and without a traceback."""
    with sqlite3.connect(folder.path / "other.db") as other:
        other.execute("create table users (id)")
    result = folder.qtasks("doctor", "--url", "sqlite:///other.db")
    assert result.code == 1
    assert "problem" in result.out
    assert "Traceback" not in result.err
    other.close()


def test_doctor_compares_versions(folder: Folder) -> None:
    """A package of another version than the core is a problem."""
    Site(folder.path).install("qtasks-old", discovery.SERIALIZERS, old="json:dumps")
    result = folder.qtasks("doctor", "--url", "memory://", PYTHONPATH=paths(folder))
    assert result.code == 1
    version = importlib.metadata.version("qtasks")
    assert f"problem  qtasks-old 1.0 does not belong to qtasks {version}" in result.out
