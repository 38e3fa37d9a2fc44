"""`-A module:app`: what is found, and what the user reads where it is not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.command import Folder

from qtasks.cli.load import load_app
from qtasks.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    """Return a working directory whose modules are forgotten at the end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield Folder(tmp_path)
    for name, module in list(sys.modules.items()):
        if str(tmp_path) in (getattr(module, "__file__", None) or ""):
            del sys.modules[name]


def test_the_working_directory_is_on_the_path(folder: Folder) -> None:
    """A module beside the user is found, as with `python -m`, and its app is returned."""
    folder.app("load_here")
    assert load_app("load_here:app").name == "shop"
    assert sys.path[0] == str(folder.path)


def test_a_module_alone_is_enough_where_it_holds_one_app(folder: Folder) -> None:
    """One app under two names, or with its blocking face beside it, is one app."""
    folder.write(
        "load_alone.py",
        "from qtasks import QueueTasks\nface = same = QueueTasks('one', 'memory://')\nengine = face.engine\n",
    )
    assert load_app("load_alone").name == "one"


def test_both_faces_lead_to_the_engine(folder: Folder) -> None:
    """The blocking face is accepted, and its engine is what works."""
    folder.write("load_face.py", "from qtasks import QueueTasks\napp = QueueTasks('face', 'memory://')\n")
    engine = load_app("load_face:app")
    assert engine is sys.modules["load_face"].app.engine


def test_a_factory_is_called(folder: Folder) -> None:
    """A function that returns the app is called; an attribute of an attribute is found."""
    folder.write(
        "load_made.py",
        "from qtasks.asyncio import QueueTasks\n"
        "class Box:\n"
        "    @staticmethod\n"
        "    def make():\n"
        "        return QueueTasks('made', 'memory://')\n",
    )
    assert load_app("load_made:Box.make").name == "made"


def test_a_package_is_loaded_by_its_dotted_name(folder: Folder) -> None:
    """A module in a package is named with dots."""
    folder.app("load_pkg/inner")
    assert load_app("load_pkg.inner:app").name == "shop"


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("x = 1", "load_bad:ap", ["module load_bad (", "load_bad.py) has no attribute 'ap'"]),
        (
            "from qtasks.asyncio import QueueTasks\nshop = QueueTasks('x', 'memory://')",
            "load_bad:app",
            ["no attribute 'app'; did you mean shop?"],
        ),
        ("x = 1", "load_bad:x", ["load_bad:x is a int, neither a QueueTasks nor a function"]),
        ("class X: ...", "load_bad:X", ["load_bad:X is a class"]),
        ("def make():\n    return {}", "load_bad:make", ["load_bad:make() has returned a dict"]),
        ("async def make(): ...", "load_bad:make", ["load_bad:make is an async function"]),
        ("x = 1", "load_bad", ["load_bad.py) holds no QueueTasks", "-A load_bad:attribute"]),
        (
            "from qtasks.asyncio import QueueTasks as Q\na = Q('a', 'memory://')\nb = Q('b', 'memory://')",
            "load_bad",
            ["holds several apps: -A load_bad:a or -A load_bad:b"],
        ),
        ("x = 1", "load_bad.py:app", ["name of a module, not 'load_bad.py': -A load_bad:app"]),
        ("x = 1", "./src/load_bad.py", ["not './src/load_bad.py': -A src.load_bad"]),
        ("x = 1", "", ["name of a module, not '': -A module:app"]),
    ],
)
def test_a_wrong_target_is_told_with_the_right_one(
    folder: Folder, source: str, target: str, words: list[str]
) -> None:
    """Each slip has a text of its own that names the place and what to write."""
    folder.write("load_bad.py", source)
    with pytest.raises(UsageError) as caught:
        load_app(target)
    for word in words:
        assert word in str(caught.value)


def test_a_missing_module_is_told_with_the_folder(folder: Folder) -> None:
    """The text names the module and where it was looked for."""
    with pytest.raises(UsageError, match="there is no module 'load_nowhere' in") as caught:
        load_app("load_nowhere:app")
    assert str(folder.path) in str(caught.value)


@pytest.mark.parametrize(
    ("source", "last"),
    [
        ("import load_not_installed", "ModuleNotFoundError: No module named 'load_not_installed'"),
        ("from json import nothing", "ImportError: cannot import name 'nothing' from 'json'"),
        ("def broken(:\n    pass", "SyntaxError: "),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_an_error_of_the_users_module_is_shown_as_it_is(folder: Folder, source: str, last: str) -> None:
    """The user reads the traceback of his own code, without a frame of the command's."""
    folder.write("load_broken.py", f"# a first line\n{source}\n")
    with pytest.raises(UsageError) as caught:
        load_app("load_broken:app")
    text = str(caught.value)
    assert text.startswith("the import of load_broken failed:\n\n")
    assert text.strip().splitlines()[-1].startswith(last)
    assert f'{folder.path / "load_broken.py"}", line 2' in text
    assert "importlib" not in text
    assert "qtasks" not in text.partition("failed:")[2].replace(str(folder.path), "")


def test_an_error_of_the_factory_is_shown_as_it_is(folder: Folder) -> None:
    """The same holds for the function that makes the app."""
    folder.write("load_raising.py", "def make():\n    raise LookupError('no settings')\n")
    with pytest.raises(UsageError, match=r"(?s)call of load_raising:make failed:.*in make\n.*no settings"):
        load_app("load_raising:make")


@pytest.mark.parametrize("face", ["qtasks", "qtasks.asyncio"])
def test_a_worker_in_the_imported_module_is_refused(folder: Folder, face: str) -> None:
    """`run_forever` at the top level shows the guard that it needs."""
    folder.write(
        "load_running.py",
        f"from {face} import QueueTasks\napp = QueueTasks('x', 'memory://')\napp.run_forever()\n",
    )
    with pytest.raises(UsageError, match='if __name__ == "__main__":'):
        load_app("load_running:app")
