"""Where the command finds an app, and which file an address means."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import pytest
from cases.apps import Place
from cli.command import Folder, wait_for

from qtasks.errors import ConfigError


def _runs(folder: Folder, *arguments: str, **environment: str) -> None:
    """Check that the command works with the app until it is told to stop."""
    with folder.running(*arguments, start=("-m", "qtasks"), **environment) as process:
        wait_for(process, " works on ")
        process.terminate()
        assert process.wait(30) == 0


def test_an_app_is_found_from_the_folder_of_the_project_and_above(folder: Folder, url: str) -> None:
    """In its own folder by its name, from the folder above by the name of the package."""
    folder.app("project/shop", url)
    _runs(Folder(folder.path / "project"), "-A", "shop:app", "run")
    _runs(folder, "-A", "project.shop:app", "run")


def test_an_app_in_a_src_folder_needs_the_path_of_imports(folder: Folder, url: str) -> None:
    """Without it the command names module and folder and exits with 2; with it the worker runs."""
    folder.app("src/shop", url)
    missing = folder.qtasks("-A", "shop:app", "run")
    assert missing.code == 2
    assert "there is no module 'shop'" in missing.err
    assert str(folder.path) in missing.err
    assert "PYTHONPATH" in missing.err
    inherited = os.environ.get("PYTHONPATH")
    path = os.pathsep.join(filter(None, [str(folder.path / "src"), inherited]))
    _runs(folder, "-A", "shop:app", "run", PYTHONPATH=path)


@pytest.mark.parametrize(
    ("source", "last"),
    [
        ("def broken(:\n    pass\n", "SyntaxError: invalid syntax"),
        ("import not_installed\n", "ModuleNotFoundError: No module named 'not_installed'"),
        ("from os import nothing_there\n", "ImportError: cannot import name 'nothing_there'"),
        ("app = 5\n", "shop:app is a int"),
        ("ap = 5\n", "has no attribute 'app'"),
    ],
)
def test_the_true_error_of_a_module_is_the_last_word(folder: Folder, source: str, last: str) -> None:
    """The worker does not start, the exit code is 2, and the last line is that of the user's own error."""
    folder.write("shop.py", source)
    result = folder.qtasks("-A", "shop:app", "run")

    assert result.code == 2
    assert last in result.err.strip().splitlines()[-1]
    assert "works on" not in result.err


def test_a_worker_without_tasks_says_so(folder: Folder, url: str) -> None:
    """It works, since tasks may come with a plugin, and its log has a warning."""
    folder.write("shop.py", f"from qtasks.asyncio import QueueTasks\napp = QueueTasks('shop', {url!r})\n")
    with folder.running("-A", "shop:app", "run") as process:
        wait_for(process, "WARNING", "no tasks")
        wait_for(process, " works on ")
        process.terminate()
        assert process.wait(30) == 0


def test_a_file_named_like_a_dependency_hides_none(
    folder: Folder, url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The installed command does not take `click.py` or `redis.py` beside the app for what it needs."""
    script = tmp_path_factory.mktemp("bin") / "qtasks"
    script.write_text("import sys\nfrom qtasks.cli import main\nsys.exit(main())\n")
    for name in ("click", "msgspec", "pluggy", "redis"):
        folder.write(f"{name}.py", "raise ZeroDivisionError('the wrong file')\n")
    folder.app("shop", url)
    with folder.running("-A", "shop:app", "run", start=(str(script),)) as process:
        wait_for(process, " works on ")
        process.terminate()
        assert process.wait(30) == 0


NAMES = (
    "a plain name.db",
    "what?.db",
    "hash#tag.db",
    "100%.db",
    "20%2F.db",
    "at@host:5432.db",
    "a&b=c;d+e.db",
    "brackets[1].db",
    "привет, мир.db",
    "日本.db",
    "quote'\".db",
    "back\\slash.db",
)


@pytest.mark.parametrize("name", NAMES)
async def test_an_encoded_address_means_exactly_that_file(tmp_path: Path, name: str) -> None:
    """Percent-encoded, any name of a file is used as it is, and nothing else is made beside it."""
    place = Place(f"sqlite:///{quote(str(tmp_path / name))}")
    assert (await place.app().counts()).total == 0
    await place.close()

    assert _made(tmp_path) == {name}


def _made(folder: Path) -> set[str]:
    """Return the names of the databases there, without what SQLite and QTasks keep beside each."""
    names = {one.name for one in folder.iterdir()}
    return {name.removesuffix("-bell").removesuffix("-wal").removesuffix("-shm") for name in names}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "20%2F.db"])
async def test_an_address_that_is_not_encoded_means_that_file_or_none(tmp_path: Path, name: str) -> None:
    """Written as it is, a name either works as it is or is refused; no other file is ever made."""
    place = Place(f"sqlite:///{tmp_path}/{name}")
    refused = False
    try:
        await place.app().counts()
    except ConfigError:
        refused = True
    await place.close()

    assert _made(tmp_path) == (set() if refused else {name})
